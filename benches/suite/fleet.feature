Feature: A thousand instances boot together, and a hundred of them move at once

  Scenario: A hundred of a thousand instances booted together move at the same time
    Given a cloud with 50 computes
    And 1000 instances "web" booted together
    When the operator live-migrates 100 of the instances at the same time
    Then the migration of each of them is completed
    And each of them is running on another compute
    And no other instance has moved or changed

Feature: Live migration goes to a fitting compute or not at all

  An operator empties a compute for maintenance while the instances keep running.

  Background:
    Given a cloud with several computes
    And 2 instances "web" booted together

  Rule: Without a named destination the scheduler chooses one that may be used

    Scenario: An instance passes over a disabled compute
      Given a cloud with 3 computes
      And a compute without "web-1" was disabled
      When the operator live-migrates "web-1"
      Then the migration of "web-1" is completed
      And "web-1" is not on the disabled compute

    Scenario: An instance stays when no other compute may be used
      Given every compute without "web-1" was disabled
      When the operator live-migrates "web-1"
      Then the migration of "web-1" fails for want of a valid destination
      And no instance has moved or changed

  Rule: A named destination is used or the migration fails; it is never replaced

    Scenario: An unknown compute is refused
      When the operator live-migrates "web-1" to an unknown compute
      Then the request is refused because there is no such compute
      And no instance has moved or changed

    Scenario: Its own compute is no destination
      When the operator live-migrates "web-1" to its own compute
      Then the migration of "web-1" fails for want of a valid destination
      And no instance has moved or changed

    Scenario: A disabled compute is no destination
      Given a compute without "web-1" was disabled
      When the operator live-migrates "web-1" to the disabled compute
      Then the migration of "web-1" fails for want of a valid destination
      And no instance has moved or changed

    Scenario: A compute that is down is no destination
      Given a compute without "web-1" went down
      When the operator live-migrates "web-1" to the compute that is down
      Then the migration of "web-1" fails for want of a valid destination
      And no instance has moved or changed

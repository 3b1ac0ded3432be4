Feature: One instance

  Scenario: An instance runs
    Given a running instance "web"

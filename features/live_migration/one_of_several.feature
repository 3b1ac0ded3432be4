Feature: Live migration moves one of several instances and leaves the others alone

  Instances that were requested together were placed together. Moving one of them later asks for
  room for one, and touches none of the others.

  Background:
    Given a cloud with several computes

  Rule: An instance that was booted together with others moves like any other

    Scenario: One of two instances booted together moves to the compute that was named
      Given 2 instances "web" booted together
      When the operator live-migrates "web-1" to another compute
      Then the migration of "web-1" is completed
      And "web-1" is running on that compute
      And no other instance has moved or changed

    Scenario: An instance booted alone moves to the compute that was named
      Given a running instance "web"
      When the operator live-migrates "web" to another compute
      Then the migration of "web" is completed
      And "web" is running on that compute

    Scenario Outline: One of <count> instances booted together moves when no compute is named
      Given <count> instances "web" booted together
      When the operator live-migrates "web-2"
      Then the migration of "web-2" is completed
      And "web-2" is running on another compute
      And no other instance has moved or changed

      Examples:
        | count |
        |     2 |
        |     3 |
        |     5 |

    Scenario: An instance booted together with another comes back to where it was
      Given 2 instances "web" booted together
      And "web-1" was live-migrated to another compute
      When the operator live-migrates "web-1" to the compute it came from
      Then the migration of "web-1" is completed
      And "web-1" is running on that compute
      And no other instance has moved or changed

    Scenario: One of three instances requested separately at the same time moves
      Given 3 instances "web" booted by separate requests at the same time
      When the operator live-migrates "web-2"
      Then the migration of "web-2" is completed
      And "web-2" is running on another compute
      And no other instance has moved or changed

  Rule: All instances that were booted together can move

    Scenario: Three instances booted together move one after the other
      Given 3 instances "web" booted together
      When the operator live-migrates all instances in turn
      Then the migration of every instance is completed
      And every instance is running on another compute

    Scenario: Two of five instances booted together move at the same time
      Given 5 instances "web" booted together
      When the operator live-migrates 2 of the instances at the same time
      Then the migration of each of them is completed
      And each of them is running on another compute
      And no other instance has moved or changed

    Scenario: Three instances booted together move at the same time
      Given 3 instances "web" booted together
      When the operator live-migrates all instances at the same time
      Then the migration of every instance is completed
      And every instance is running on another compute

  Rule: A paused instance moves and stays paused

    Scenario: A paused instance among others booted together moves without waking up
      Given 2 instances "web" booted together
      And "web-1" was paused
      When the operator live-migrates "web-1" to another compute
      Then the migration of "web-1" is completed
      And "web-1" is paused on that compute
      And no other instance has moved or changed

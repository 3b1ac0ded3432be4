Feature: Instances that are requested together boot together

  One request may ask for several instances. They share a reservation, and each is an instance of
  its own.

  Background:
    Given a cloud with several computes

  Rule: One request makes as many instances as it asks for

    Scenario Outline: <count> instances booted together are all running
      When the operator boots <count> instances "web" together
      Then every instance is running
      And all instances share one reservation
      And each instance has a name and a number of its own

      Examples:
        | count |
        |     2 |
        |     5 |

    Scenario: Instances requested separately at the same time share nothing
      When the operator boots 3 instances "web" by separate requests at the same time
      Then every instance is running
      And no two instances share a reservation

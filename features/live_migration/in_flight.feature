Feature: A live migration on its way can be watched, aborted and forced to its end

  Moving a large instance takes a while. Meanwhile it goes on running where it is, nothing else may
  be done to it, and the operator may still change their mind.

  Background:
    Given a cloud with several computes

  Rule: An instance stays where it is until it has been copied

    Scenario Outline: A migration that stands still <where> completes once it goes on
      Given 2 instances "web" booted together
      And the live migration of "web-1" stands still <where>
      Then "web-1" is migrating and still where it was
      And no other instance has moved or changed
      When the migration of "web-1" goes on
      Then the migration of "web-1" is completed
      And "web-1" is running on that compute
      And no other instance has moved or changed

      Examples:
        | where                            |
        | before its destination is chosen |
        | in the queue of its source       |
        | while its destination prepares   |
        | while it is copied               |

    Scenario Outline: An instance moves while another one's boot stands still <where>
      Given a running instance "web"
      And the boot of "db" stands still <where>
      When the operator live-migrates "web" to another compute
      Then the migration of "web" is completed
      And "web" is running on that compute
      And "db" is being built
      When boots go on
      Then every instance is running

      Examples:
        | where                        |
        | before its compute is chosen |
        | while its compute makes it   |

  Rule: While an instance is being migrated nothing else may be done to it

    Scenario Outline: An instance that is being copied refuses to <deed>
      Given a running instance "web"
      And the live migration of "web" stands still while it is copied
      When the operator tries to <deed> "web"
      Then the request is refused because it is being migrated
      When the migration of "web" goes on
      Then the migration of "web" is completed
      And "web" is running on that compute

      Examples:
        | deed         |
        | live-migrate |
        | pause        |
        | stop         |
        | reboot       |

  Rule: A compute sends away one instance at a time

    Scenario: The second of two migrations from one compute waits until the first is over
      Given 2 instances "web" booted together
      And "web-2" is on the compute of "web-1"
      And the live migration of "web-1" stands still while it is copied
      When the operator live-migrates "web-2" to another compute
      Then the migration of "web-2" waits for its turn
      When the migration of "web-1" goes on
      Then the migration of every instance is completed
      And every instance is running on another compute

    Scenario: A migration that is aborted while it waits for its turn leaves the first alone
      Given 2 instances "web" booted together
      And "web-2" is on the compute of "web-1"
      And the live migration of "web-1" stands still while it is copied
      And the live migration of "web-2" stands still in the queue of its source
      When the operator aborts the migration of "web-2"
      Then the migration of "web-2" is aborted
      And "web-2" is running where it was
      When the migration of "web-1" goes on
      Then the migration of "web-1" is completed

  Rule: A migration can be aborted until the instance has arrived

    Scenario Outline: A migration that is aborted <where> leaves the instance where it was
      Given 2 instances "web" booted together
      And the live migration of "web-1" stands still <where>
      When the operator aborts the migration of "web-1"
      And the migration of "web-1" goes on
      Then the migration of "web-1" is aborted
      And no instance has moved or changed

      Examples:
        | where                          |
        | in the queue of its source     |
        | while its destination prepares |
        | while it is copied             |

    Scenario: A migration cannot be aborted once the instance has arrived
      Given a running instance "web"
      And the live migration of "web" stands still while its source cleans up
      When the operator aborts the migration of "web"
      Then the request is refused because no migration of it is under way
      When the migration of "web" goes on
      Then the migration of "web" is completed
      And "web" is running on that compute

    Scenario: A migration that is over cannot be aborted
      Given a running instance "web"
      And "web" was live-migrated to another compute
      When the operator aborts the migration of "web"
      Then the request is refused because no migration of it is under way
      And no instance has moved or changed

  Rule: A copy can be forced to its end

    Scenario: A migration that is forced to its end arrives
      Given 2 instances "web" booted together
      And the live migration of "web-1" stands still while it is copied
      When the operator forces the migration of "web-1" to its end
      And the migration of "web-1" goes on
      Then the migration of "web-1" is completed
      And "web-1" is running on that compute
      And no other instance has moved or changed

    Scenario: A migration cannot be forced to its end before the copy has begun
      Given a running instance "web"
      And the live migration of "web" stands still while its destination prepares
      When the operator forces the migration of "web" to its end
      Then the request is refused because it is not being copied yet
      When the migration of "web" goes on
      Then the migration of "web" is completed

  Rule: An instance may be deleted at any time

    Scenario: An instance that is deleted while it is copied is gone, with all that it had
      Given 2 instances "web" booted together
      And the live migration of "web-1" stands still while it is copied
      When the operator deletes "web-1"
      Then "web-1" is gone
      And no other instance has moved or changed

Feature: A live migration that fails leaves the instance running where it was

  Whatever goes wrong on the way, the instance does not notice: it runs on its source, its source
  alone is charged for it, and it can be moved later.

  Background:
    Given a cloud with several computes

  Rule: A migration that fails before the copy is done leaves everything as it was

    Scenario Outline: A migration that fails <when> is <outcome>
      Given 2 instances "web" booted together
      And the next live migration of "web-1" will fail <when>
      When the operator live-migrates "web-1" to another compute
      Then the migration of "web-1" is <outcome>
      And no instance has moved or changed

      Examples:
        | when                            | outcome     |
        | for want of a destination       | given up    |
        | at the check of its destination | given up    |
        | at the check of its source      | given up    |
        | while its destination prepares  | rolled back |
        | while it is copied              | rolled back |

    Scenario Outline: An instance moves after its migration failed <when>
      Given a running instance "web"
      And a live migration of "web" failed <when>
      When the operator live-migrates "web" to another compute
      Then the migration of "web" is completed
      And "web" is running on that compute

      Examples:
        | when                            |
        | at the check of its destination |
        | while it is copied              |

  Rule: A lost destination takes no instance with it

    Scenario: A migration whose destination went down can be aborted
      Given 2 instances "web" booted together
      And the live migration of "web-1" stands still while it is copied
      And that compute went down
      When the operator aborts the migration of "web-1"
      And the migration of "web-1" goes on
      Then the migration of "web-1" is aborted
      And "web-1" is running where it was

  Rule: An instance that fails to start on its destination is found there

    Scenario: A migration that fails at its last step leaves the instance broken where it arrived
      Given a running instance "web"
      And the next live migration of "web" will fail at its last step
      When the operator live-migrates "web" to another compute
      Then the migration of "web" is over
      And "web" is broken on that compute

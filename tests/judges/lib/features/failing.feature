# Four ways to end otherwise than well, beside what a stream must carry unharmed.
@judged
Feature: Records carry everything — "näïve" & <odd> 東京 🐦

  Everything that Gherkin knows and these steps take.

  Background:
    Given a cloud with several computes

  Rule: What is so passes

    Scenario: An instance runs, although </script> & "quotes" are in its title
      Given a running instance "web"

    Scenario Outline: Instances that are booted together
      Given <count> instances "web" booted together
      Then every instance is running

      Examples: a few
        | count |
        | 1     |
        | 2     |

      Examples: some more
        | count |
        | 3     |

  Rule: What is not so fails

    Scenario: It stands where it was
      Given a running instance "web"
      Then "web" is running on another compute

    Scenario: It never arrives
      Given a running instance "web"
      When the operator live-migrates "web"
      Then the migration of "web" is completed

  Rule: What a cloud lacks is skipped

    Scenario: More computes than there are
      Given a cloud with 400 computes
      And a running instance "web"

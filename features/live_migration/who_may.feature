Feature: Live migration is for operators

  Where instances run is the operator's business. A plain member uses instances without seeing
  computes.

  Background:
    Given a cloud with several computes
    And a running instance "web" of a plain member

  Rule: A plain member moves nothing

    Scenario: A plain member cannot live-migrate an instance of their own
      When the member live-migrates "web"
      Then the request is refused because it takes an operator
      And no instance has moved or changed

  Rule: A plain member sees no computes

    Scenario: A plain member sees an instance without its compute
      When the member looks at "web"
      Then the member sees "web" but no compute

    Scenario: A plain member cannot list computes
      When the member asks for the computes
      Then the request is refused because it takes an operator

    Scenario: A plain member cannot list migration records
      When the member asks for the migration records
      Then the request is refused because it takes an operator

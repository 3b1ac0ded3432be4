Feature: Sentences that nobody has defined

  Scenario: A bird sings
    Given a running instance "web"
    When a whimbrel sings "tee-tee-tee" 7 times
    Then every instance is running

  Scenario: Nothing is wrong with this one
    Given a running instance "web"

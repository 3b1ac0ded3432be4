Feature: Sentences that nobody has defined

  Scenario: A bird sings
    Given a running instance "web"
    When a whimbrel sings "tee-tee-tee" 7 times
    Then every instance is running

  Scenario: Nothing is wrong with this one
    Given a running instance "web"

  Scenario: A doc string and a table that no step reads
    Given a running instance "web"
      """markdown
      # Not ours to read: </script> & "quotes" \ 東京
      """
    Then every instance is running
      | name | what it is   |
      | web  | a \| b \n c  |

Feature: A file that can't be read

  Scenario: A word is wrong
    Given a running instance "web"
    Wehn it rains

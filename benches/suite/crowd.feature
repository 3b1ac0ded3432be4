Feature: Many scenarios wait at the same time

  Scenario Outline: Instance <number> boots
    Given a running instance "web"

    Examples:
      | number |

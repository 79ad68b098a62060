"""The arithmetic, which knows neither files nor DVC."""

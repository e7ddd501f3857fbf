"""The command ``search``: what it takes, and how its answer is shown."""

"""Removing an environment, until nothing of it is left that costs anything."""

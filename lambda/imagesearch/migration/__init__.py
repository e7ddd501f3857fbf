"""Changing the model while searches go on: a second index, a check, and one move of the alias."""

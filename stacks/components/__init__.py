"""Constructs that the stacks compose: each one owns a few resources and the grants on them."""

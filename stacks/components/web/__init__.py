"""The search page's files and their distribution."""

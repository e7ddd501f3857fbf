"""Signing in to an API that asks for tokens, and keeping them."""

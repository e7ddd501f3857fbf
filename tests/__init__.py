"""Tests, by tier; CONTRIBUTING tells them apart."""

"""Measurements of the way of a library, side by side with what they are compared to; none gates a test."""

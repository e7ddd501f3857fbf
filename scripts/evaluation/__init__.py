"""Judging how well searches find what people hold relevant."""

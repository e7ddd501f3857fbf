"""Lambda functions, their bundled code and their environment variables."""

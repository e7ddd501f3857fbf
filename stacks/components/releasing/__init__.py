"""What a pipeline or a workflow needs to release."""

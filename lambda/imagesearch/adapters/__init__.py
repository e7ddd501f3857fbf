"""The ports' implementations: SageMaker, OpenSearch, S3, and the in-memory ones that tests and tools use."""

"""SageMaker: models, endpoints, transform jobs, and the models' own image."""

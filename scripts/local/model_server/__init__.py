"""The genuine SageMaker serving stack on loopback: the inference toolkit and multi-model-server."""

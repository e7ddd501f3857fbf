"""The AWS emulator, with a stand-in for SageMaker's control plane that runs the genuine model server."""

"""The local environment: a real OpenSearch, the genuine model server and an AWS emulator on one machine."""

"""Looking whether an environment can be deployed, before anything is."""

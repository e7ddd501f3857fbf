"""Moving an environment from one model to another."""

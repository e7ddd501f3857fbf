"""The promises of the README, asked of a deployed environment."""

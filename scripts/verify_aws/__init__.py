"""A trial of everything in an account, within a limit: deployed, used, destroyed, and written down."""

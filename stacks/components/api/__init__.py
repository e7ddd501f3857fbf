"""The public API: its methods, callers, firewall and canary."""

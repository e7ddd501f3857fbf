"""The diagrams of docs/architecture.md, drawn from the synthesized stacks."""

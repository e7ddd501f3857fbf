"""The bulk run: plan, prepare, index, finish; each step may be killed at any moment and taken again."""

"""Copies of the index: snapshots, and the embeddings that bulk runs have stored."""

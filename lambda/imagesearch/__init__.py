"""What runs in the functions: search, indexing and the index's setup, free of AWS except in `adapters`."""

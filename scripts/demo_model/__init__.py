"""The `demo` model: a small CLIP-style dual encoder built from weights that pip brings, and its training."""

"""The model artifact: which models there are, how `model.tar.gz` is made of one, and how it is published."""

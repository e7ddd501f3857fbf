"""Encode texts and pictures into one vector space with a CLIP-style pair of ONNX towers."""

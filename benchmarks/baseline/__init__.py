"""What users would otherwise do: CLIP in eager PyTorch, one picture a request. Runs in `.tools/baseline`."""

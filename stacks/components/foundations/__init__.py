"""What every stack stands on: buckets, keys, the network, permissions, how long logs are kept."""

"""One read of a frame, its clusters and crops."""

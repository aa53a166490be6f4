"""Dark frames in, thresholds, noise, hot pixels and cover rules out."""

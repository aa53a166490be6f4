"""A sensor, particles and faults: frames with truth."""

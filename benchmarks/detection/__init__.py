"""Which particles each detector of the field finds, and what it takes for one: same frames, truth.

Every rule sees the same simulated frames in the same order; the product goes through its own
replay. `peers` holds one rule a file.
"""

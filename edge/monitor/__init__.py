"""The rig watches itself: samples of ordinary pixels, synthetic particles in copies of frames."""

"""Synthetic particles in copies of frames: the rig measures its own efficiency.

Chosen frames are scanned as always; then a copy gets one particle and goes through the same
detector, frame veto and hot-place test. What is found of it says how much of what comes is found.
The frame itself, its candidates and its live time know nothing of it.
"""

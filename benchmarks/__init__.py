"""Comparisons with other programs: their detection and their pictures; speed is `edge.bench`."""

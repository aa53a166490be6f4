"""Offline: labelled hits in, the models the edge runs out."""

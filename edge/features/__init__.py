"""Shape and light of a cluster of pixels, of a hit's own pixels or of a picture alone."""

from edge.features.image import FEATURE_NAMES, image_features

__all__ = ["FEATURE_NAMES", "image_features"]

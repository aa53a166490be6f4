"""Write reference.json: what the field's libraries measure of the pictures in drawn.py.

Not part of the suite: they are large. Run it in an environment of its own, with scikit-image,
photutils and mahotas: ``python -m tests.edge.features.make_reference``.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tests.edge.features.drawn import pictures

PLACE = Path(__file__).with_name("reference.json")
LIBRARIES = ("scikit-image", "photutils", "mahotas")


def measure(pixels: np.ndarray) -> dict[str, Any]:
    """What the libraries say of one picture's brightest cluster."""
    import mahotas
    from astropy.convolution import Gaussian2DKernel, convolve
    from photutils.segmentation import SegmentationImage, SourceCatalog, detect_sources
    from skimage.filters import threshold_otsu
    from skimage.measure import regionprops
    from skimage.morphology import convex_hull_image, thin

    values = pixels.astype(float)
    kernel = Gaussian2DKernel(3 / np.sqrt(8 * np.log(2)), x_size=3, y_size=3)
    kernel.normalize()
    smoothed = convolve(values, kernel, boundary="extend")
    darkest, brightest = smoothed.min(), smoothed.max()
    segments = detect_sources(smoothed, darkest + (brightest - darkest) / 8, 5)
    excess = values - np.median(values)
    sums = [excess[segments.data == label].sum() for label in segments.labels]
    own = (segments.data == segments.labels[int(np.argmax(sums))]).astype(np.uint8)
    (region,) = regionprops(own)
    photutils = SourceCatalog(excess, SegmentationImage(own))
    light = np.maximum(values - (values.min() + (values.max() - values.min()) / 8), 0)
    return {
        "area_px": int(region.area),
        "convex_area_px": int(convex_hull_image(own, offset_coordinates=False).sum()),
        "major_axis_px": float(region.axis_major_length),
        "minor_axis_px": float(region.axis_minor_length),
        "eccentricity": float(region.eccentricity),
        "orientation_rad": float(region.orientation),
        "perimeter_px": float(region.perimeter),
        "hu": [float(value) for value in region.moments_hu],
        "thinned_px": int(thin(own > 0).sum()),
        "photutils_components": int(segments.nlabels),
        "photutils_sigmas_px": [
            float(photutils.semimajor_sigma[0].value), float(photutils.semiminor_sigma[0].value)
        ],
        "photutils_ellipticity": float(photutils.ellipticity[0].value),
        "photutils_sum": float(photutils.segment_flux[0]),
        "photutils_centroid_px": [float(value) for value in photutils.centroid[0]],
        "otsu_threshold": int(threshold_otsu(pixels)),
        "zernike": [float(v) for v in mahotas.features.zernike_moments(light, 21, 8)],
    }  # fmt: skip


def main() -> None:
    """Measure them all."""
    found = {name: measure(pixels) for name, pixels in pictures().items()}
    made_by = {name: version(name) for name in LIBRARIES}
    text = json.dumps({"made_by": made_by, "pictures": found}, indent=1)
    PLACE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

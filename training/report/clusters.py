"""Crops parted without their labels: what classes the numbers alone would make."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import Drawn
from training.crossval import Given
from training.report.members import Cluster, clusters_of
from training.report.vectors import vectors_of

FEWEST, MOST = 2, 12
_SILHOUETTE_ROWS = 4000
_KEPT_VARIANCE = 1e-3
"""Added to a mixture's variances: crops that are the same must not make one of no width."""


@dataclass(frozen=True, slots=True)
class Step:
    """Both ways of parting into `k`.

    Attributes
    ----------
    k : int
    inertia, silhouette : float
        Of k-means: summed squared distance to the middles; P. J. Rousseeuw, J. Comput. Appl. Math.
        20 (1987) 53.
    aic, bic : float
        Of the Gaussian mixture; the least is best.
    means_rand, mixture_rand : float
        Adjusted Rand index to the labels of the rows that have one (L. Hubert and P. Arabie,
        J. Classif. 2 (1985) 193): 0 by chance, 1 for the same parts.
    means_information, mixture_information : float
        Normalised mutual information to them.
    """

    k: int
    inertia: float
    silhouette: float
    aic: float
    bic: float
    means_rand: float
    mixture_rand: float
    means_information: float
    mixture_information: float


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """Parts of all crops.

    Attributes
    ----------
    dimensions : int
    explained : float
        Share of the standardised numbers' variance in these.
    steps : tuple of Step
    chosen : int
        k of the mixture with the least BIC.
    clusters : tuple of Cluster
        Of that mixture, the largest first.
    """

    dimensions: int
    explained: float
    steps: tuple[Step, ...]
    chosen: int
    clusters: tuple[Cluster, ...]

    def to_json(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Figures, and names of the crops nearest to each middle."""
        return {
            "dimensions": self.dimensions,
            "explained": self.explained,
            "chosen": self.chosen,
            "steps": [asdict(one) for one in self.steps],
            "clusters": [one.to_json(names) for one in self.clusters],
        }


def clustering(given: Given, seed: int = 0) -> Clustering | None:
    """Part all crops by their numbers into 2 to 12 by k-means and by Gaussian mixtures.

    Returns
    -------
    Clustering or None
        None where there are too few crops, or all are alike.

    Raises
    ------
    ModuleNotFoundError
        scikit-learn is missing.
    """
    from sklearn.exceptions import ConvergenceWarning

    vectors = vectors_of(given.copies.told[0])
    different = len(np.unique(vectors.values, axis=0)) if vectors.values.size else 0
    most = min(MOST, different - 1)
    if most < FEWEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = [_step(vectors.values, given.crops.label, k, seed) for k in range(FEWEST, most + 1)]
    step, mixture = min(found, key=lambda one: one[0].bic)
    return Clustering(
        vectors.values.shape[1],
        vectors.explained,
        tuple(one for one, _ in found),
        step.k,
        clusters_of(given, vectors.values, mixture),
    )


def _step(values: Drawn, label: NDArray[np.int64], k: int, seed: int) -> tuple[Step, Any]:
    from sklearn import metrics
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    means = KMeans(k, n_init=5, random_state=seed).fit(values)
    mixture = GaussianMixture(
        k, n_init=2, max_iter=200, reg_covar=_KEPT_VARIANCE, random_state=seed
    ).fit(values)
    known = label >= 0
    parts = means.labels_[known], mixture.predict(values)[known]
    rands = [_agreed(metrics.adjusted_rand_score, label[known], one) for one in parts]
    shared = [_agreed(metrics.normalized_mutual_info_score, label[known], one) for one in parts]
    step = Step(
        k,
        float(means.inertia_),
        _silhouette(values, means.labels_, seed),
        float(mixture.aic(values)),
        float(mixture.bic(values)),
        *rands,
        *shared,
    )
    return step, mixture


def _agreed(measure: Any, label: NDArray[np.int64], part: NDArray[Any]) -> float:
    return float(measure(label, part)) if len(label) else float("nan")


def _silhouette(values: Drawn, part: NDArray[Any], seed: int) -> float:
    """Of at most 4000 crops: it looks at every pair."""
    from sklearn.metrics import silhouette_score

    chosen = np.random.default_rng(seed).permutation(len(values))[:_SILHOUETTE_ROWS]
    if not 1 < len(np.unique(part[chosen])) < len(chosen):
        return float("nan")
    return float(silhouette_score(values[chosen], part[chosen]))

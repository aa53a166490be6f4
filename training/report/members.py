"""What the parts of a clustering hold: crops, groups and labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classification.classes import CLASSES
from training.crossval import Given

_NEAREST, _NAMED = 64, 8


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """A component of the chosen mixture.

    Attributes
    ----------
    crops, groups : int
        How many it holds, and of how many groups these are.
    largest_group : float
        Share of its crops that are of one group: near 1, it is a device and no kind of hit.
    classes : dict of str to int
        Labels of its crops; those without one are counted as ``none``.
    nearest : ndarray of int64
        Rows of its crops, the most typical first.
    """

    crops: int
    groups: int
    largest_group: float
    classes: dict[str, int]
    nearest: NDArray[np.int64]

    def to_json(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Figures, and names of the most typical crops."""
        return {
            "crops": self.crops,
            "groups": self.groups,
            "largest_group": self.largest_group,
            "classes": self.classes,
            "nearest": [names[i] for i in self.nearest[:_NAMED]],
        }


def clusters_of(given: Given, values: NDArray[np.float64], mixture: Any) -> tuple[Cluster, ...]:
    """Tell the components of a mixture of scikit-learn's, the largest first.

    Typical is what has the least Mahalanobis distance to a component's middle.

    Parameters
    ----------
    given : Given
    values : ndarray, shape (n, dimensions)
        What the mixture was fitted to.
    mixture : GaussianMixture
        With full covariances.
    """
    part = mixture.predict(values)
    names = (*CLASSES, "none")
    made = []
    for i, (middle, root) in enumerate(
        zip(mixture.means_, mixture.precisions_cholesky_, strict=True)
    ):
        rows = np.flatnonzero(part == i)
        if not len(rows):
            continue
        groups = Counter(given.crops.group[row] for row in rows)
        classes = Counter(names[given.crops.label[row]] for row in rows)
        distance = (((values[rows] - middle) @ root) ** 2).sum(axis=1)
        made.append(
            Cluster(
                len(rows),
                len(groups),
                max(groups.values()) / len(rows),
                {name: classes[name] for name in names if classes[name]},
                rows[np.argsort(distance, kind="stable")[:_NEAREST]],
            )
        )
    return tuple(sorted(made, key=lambda one: -one.crops))

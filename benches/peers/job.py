"""A workload with one quantity of it, and a peer's way to compute that."""

from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np


class Refused(Exception):
    """A way that does not apply, or that its framework cannot do; the message says why."""


@dataclass
class Job:
    name: str
    title: str
    quantity: str
    network: Any
    points: np.ndarray
    outputs: int
    reference: "Reference"
    threads: int
    # What the ways of one network share over all quantities, such as colorings.
    shared: dict = field(default_factory=dict)

    @property
    def batch(self):
        return self.points.shape[0]

    @property
    def inputs(self):
        return self.points.shape[1]

    @property
    def sparse(self):
        """So large that only compressed ways make sense."""
        return self.inputs > 4096


@dataclass
class Way:
    """`run()` gives a result that is complete; `numbers(result)` has it as the reference has, for the check."""

    run: Callable[[], Any]
    numbers: Callable[[Any], Any]
    # Evaluations of the whole workload in one run.
    evaluations: int = 1


class Reference:
    """colorjet's numbers: `dense` as points × outputs × inputs (Laplacians: points × outputs), or the nonzeros."""

    def __init__(self, folder, name, quantity, shape):
        stem = folder / f"{name}.{quantity}"
        load = lambda suffix: np.load(f"{stem}{suffix}")
        self.values = load(".npy")
        self.shape = shape
        self.indices = None
        if stem.with_name(stem.name + ".indices.npy").exists():
            self.indices = load(".indices.npy").astype(np.int64)
            self.indptr = load(".indptr.npy").astype(np.int64)
            self.rows = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    def difference(self, numbers):
        """The largest difference relative to the largest value; `numbers` as here, or dense."""
        ours = self.values
        theirs = np.asarray(numbers)
        if self.indices is not None and theirs.ndim == 3:
            theirs = theirs[:, self.rows, self.indices]
        theirs = theirs.reshape(ours.shape)
        if not np.isfinite(theirs).all():
            return float("inf")
        return float(np.abs(theirs - ours).max(initial=0) / max(np.abs(ours).max(initial=0), 1e-300))

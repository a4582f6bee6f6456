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
    """colorjet's numbers for the check: points × entries with their structure, or arrays without holes."""

    def __init__(self, folder, name, part):
        path = lambda ending: folder / f"{name}.{part}{ending}.npy"
        self.values = np.load(path(""))
        self.indices = None
        if path(".indices").exists():
            self.indices, indptr = np.load(path(".indices")), np.load(path(".indptr"))
            self.rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))

    def difference(self, numbers):
        """The largest difference relative to the largest value; matrices are points × outputs × inputs."""
        theirs = np.asarray(numbers)
        if self.indices is not None and theirs.ndim == 3:
            theirs = theirs[:, self.rows, self.indices]
        apart = np.abs(theirs.reshape(self.values.shape) - self.values)
        relative = float(apart.max() / np.abs(self.values).max())
        # Numbers that are none must not pass a comparison.
        return relative if np.isfinite(relative) else float("inf")


class References(Reference):
    """Those of the Jacobian and the Hessian diagonal from one pass, the latter of which stands for itself."""

    def __init__(self, folder, name):
        super().__init__(folder, name, "yJD")
        self.jacobian = Reference(folder, name, "yJD.J")

    def difference(self, numbers):
        first, second = numbers
        return max(self.jacobian.difference(first), super().difference(second))

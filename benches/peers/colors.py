"""Colors of inputs for compressed ways: by asdex, or by strides where its detection takes too long."""

import signal
import time

import asdex
import jax
import jax.numpy as jnp
import numpy as np

# Seconds that detection may take.
PATIENCE = 60


class TooLong(Exception):
    pass


def within(seconds, function):
    """The function's result, or `TooLong`; asdex is Python, so an alarm stops it."""

    def stop(*_):
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        return function()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def detect(job):
    """(pattern or None, seconds): the Jacobian's by asdex, or the Hessian's of a network with one output."""
    key = "hessian" if job.outputs == 1 else "jacobian"
    if key not in job.shared:
        detection = asdex.hessian_sparsity if job.outputs == 1 else asdex.jacobian_sparsity
        f = job.network.jax()
        of = (lambda x: f(x)[0]) if job.outputs == 1 else f
        start = time.perf_counter()
        try:
            pattern = within(PATIENCE, lambda: detection(of, jnp.asarray(job.points[0])))
        except TooLong:
            pattern = None
        job.shared[key] = (pattern, time.perf_counter() - start)
    return job.shared[key]


def reach(network):
    """Half the width of the window of inputs that a unit of the last local layer sees, along one axis."""
    total = 0
    for layer in network.layers:
        if layer["kind"] == "conv":
            total += network.tensor(layer, "weight").shape[-1] // 2
        elif layer["kind"] == "sparse":
            indptr, indices = (network.tensor(layer, field).astype(np.int64) for field in ("indptr", "indices"))
            total += np.abs(indices - np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))).max()
    return int(total)


def strides(network):
    """A color for each input; no two inputs of a color are in one window."""
    shape = next(layer["shape"] for layer in network.layers if layer["kind"] == "input")
    axes = shape[1:] if len(shape) > 1 else shape
    width = 2 * reach(network) + 1
    colors = np.zeros(axes, np.int64)
    for axis, places in enumerate(np.indices(axes)):
        colors = colors * width + places % width
    return colors.reshape(-1)


def columns(job):
    """(colors, where they are from) that tell apart the inputs of each output."""
    if "columns" not in job.shared:
        if job.outputs == 1:
            job.shared["columns"] = strides(job.network), "distance-1 colors by strides"
        else:
            pattern, _ = detect(job)
            if pattern is None:
                job.shared["columns"] = strides(job.network), "colors by strides"
            else:
                coloring = asdex.jacobian_coloring_from_sparsity(pattern, mode="fwd")
                job.shared["columns"] = np.asarray(coloring.colors), "colors by asdex"
    return job.shared["columns"]


def seeds(colors, dtype):
    """One row for each color: the sum of its unit vectors."""
    return (np.arange(colors.max() + 1)[:, None] == colors).astype(dtype)


def colored_pattern(job):
    """(what asdex makes Jacobians from, where its pattern is from)."""
    pattern, _ = detect(job)
    if pattern is not None:
        return asdex.jacobian_coloring_from_sparsity(pattern), "asdex"
    aval = jax.ShapeDtypeStruct((job.inputs,), job.points.dtype)
    rows, cols, shape = job.reference.rows, job.reference.indices, (job.outputs, job.inputs)
    known = asdex.SparsityPattern.from_coo(rows, cols, shape, input_avals=(aval,))
    return asdex.jacobian_coloring_from_sparsity(known), "asdex, pattern given"

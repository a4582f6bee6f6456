"""Ways of JAX and folx for networks that are not compressed.

Each method maps a point to (y, J, D), and the compiler drops what a quantity does not need; every method is tried with
all points at once, with points in chunks that fit a cache, and with one direction after the other where that helps.
"""

import folx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import jet

from job import Way

# Points of a chunk, where there are many.
CHUNK = 128

# Runs of a small workload in one call, so that Python's part does not count.
REPEATS = 1000

# Numbers of the largest intermediate result that is tried.
LARGEST = 1 << 28


def nested_jvp(f, x, outputs):
    """A jvp of a jvp in each direction; entries as inputs × outputs."""

    def along(e):
        (y, _), (first, second) = jax.jvp(lambda x: jax.jvp(f, (x,), (e,)), (x,), (e,))
        return y, first, second

    return jax.vmap(along, out_axes=(None, 0, 0))(jnp.eye(x.size, dtype=x.dtype))


def taylor(f, x, outputs):
    """Series of jax.experimental.jet in each direction; entries as inputs × outputs."""

    def along(e):
        y, (first, second) = jet.jet(f, (x,), ((e, jnp.zeros_like(e)),))
        return y, first, second

    return jax.vmap(along, out_axes=(None, 0, 0))(jnp.eye(x.size, dtype=x.dtype))


def each_output(outputs, map_outputs, of_output, dtype):
    """(J, D) from `of_output(w)` for the unit vectors w."""
    if outputs == 1:
        return tuple(r[None] for r in of_output(jnp.ones(1, dtype)))
    return map_outputs(of_output, jnp.eye(outputs, dtype=dtype))


def all_at_once(function, arguments):
    return jax.vmap(function)(arguments)


def forward_over_reverse(map_outputs):
    """A jvp of the gradient of each output in each direction; entries as outputs × inputs."""

    def method(f, x, outputs):
        def of_output(w):
            gradient = lambda x: jax.vjp(f, x)[1](w)[0]
            along = lambda e: jax.jvp(gradient, (x,), (e,))
            first, second = jax.vmap(along, out_axes=(None, 0))(jnp.eye(x.size, dtype=x.dtype))
            return first, jnp.diagonal(second)

        return f(x), *each_output(outputs, map_outputs, of_output, x.dtype)

    return method


def reverse_over_forward(map_outputs):
    """The gradient of a jvp in each direction for each output; entries as outputs × inputs."""

    def method(f, x, outputs):
        def of_output(w):
            def along(e):
                slope = lambda x: jnp.vdot(w, jax.jvp(f, (x,), (e,))[1])
                return jax.value_and_grad(slope)(x)

            first, second = jax.vmap(along)(jnp.eye(x.size, dtype=x.dtype))
            return first, jnp.diagonal(second)

        return f(x), *each_output(outputs, map_outputs, of_output, x.dtype)

    return method


def full_hessian(f, x, outputs):
    second = jnp.diagonal(jax.hessian(f)(x), axis1=1, axis2=2)
    return f(x), jax.jacrev(f)(x), second


def by_units(f, x, outputs):
    """By hand what colorjet calls nodal: adjoints and squared tangents of all nonlinear units, and σ'' in between."""

    def collect(x, added):
        operands = []

        def unit(_, function, z):
            operands.append((function, z))
            return function(z) + (0 if added is None else added[len(operands) - 1])

        y = f(x, unit)
        functions[:] = [function for function, _ in operands]
        return y, [z for _, z in operands]

    functions = []
    shapes = jax.eval_shape(lambda x: collect(x, None)[1], x)
    zeros = [jnp.zeros(s.shape, s.dtype) for s in shapes]
    y, pull, operands = jax.vjp(lambda added: collect(x, added), zeros, has_aux=True)
    adjoints = jax.vmap(pull)(jnp.eye(outputs, dtype=x.dtype))[0]
    along = lambda e: jax.jvp(lambda x: collect(x, None), (x,), (e,))[1]
    first, tangents = jax.vmap(along)(jnp.eye(x.size, dtype=x.dtype))
    second = jnp.zeros((outputs, x.size), x.dtype)
    for function, z, adjoint, tangent in zip(functions, operands, adjoints, tangents):
        slope = lambda z: jax.jvp(function, (z,), (jnp.ones_like(z),))[1]
        bend = jax.jvp(slope, (z,), (jnp.ones_like(z),))[1]
        squares = jnp.square(tangent).reshape(x.size, -1)
        second += (adjoint * bend).reshape(outputs, -1) @ squares.T
    return y, first.T, second


def jacobians(job):
    yield "jacfwd", lambda f, x, _: (None, jax.jacfwd(f)(x), None)
    yield "jacrev", lambda f, x, _: (None, jax.jacrev(f)(x), None)


def methods(job):
    """Names, methods, and whether their entries are inputs × outputs."""
    if job.name == "nodes":
        # A direction for each input of each node would be a hundred times the work.
        return
    yield "jvp of jvp", nested_jvp, True
    yield "jet", taylor, True
    maps = {"": all_at_once}
    if job.outputs > 1:
        maps[", outputs in turn"] = lambda function, arguments: lax.map(function, arguments)
    for word, map_outputs in maps.items():
        if not word and job.outputs * job.inputs**2 * job.batch > LARGEST:
            continue
        yield f"jvp of vjp{word}", forward_over_reverse(map_outputs), False
        yield f"vjp of jvp{word}", reverse_over_forward(map_outputs), False
    if job.inputs <= 256 and job.outputs * job.inputs**2 * job.batch <= LARGEST // 4:
        yield "diagonal of jax.hessian", full_hessian, False
    yield "nodal by hand", by_units, False


def pick(job, method, transposed):
    """The job's quantity at one point."""

    def at(f, x):
        y, first, second = method(f, x, job.outputs)
        if job.quantity == "L":
            return second.sum(0 if transposed else 1)
        return {"D": second, "J": first, "yJD": (y, first, second)}[job.quantity]

    return at


def laplacians(job):
    for threshold in (0, 0.6):
        word = f"folx, sparsity threshold {threshold}"
        yield word, lambda f, x, t=threshold: folx.forward_laplacian(f, t)(x).laplacian


def in_turn(f, points):
    """D or its sum with a loop over directions, all points in each step."""

    def along(e):
        of_point = lambda x: jax.jvp(lambda x: jax.jvp(f, (x,), (e,))[1], (x,), (e,))[1]
        return jax.vmap(of_point)(points)

    return lax.map(along, jnp.eye(points.shape[1], dtype=points.dtype))


def compiled(job, function, numbers=lambda result: result, constants=()):
    """A way from a function of all points; small workloads get a second one, many runs in one call."""
    points = jnp.asarray(job.points)
    run = jax.jit(function).lower(points).compile()
    yield "", Way(lambda: jax.block_until_ready(run(points)), numbers)
    if job.points.size * job.outputs <= 256:
        many = jnp.broadcast_to(points, (REPEATS, *points.shape))
        looped = jax.jit(lambda many: lax.map(function, many)).lower(many).compile()
        once = lambda result: numbers(jax.tree.map(lambda r: r[0], result))
        yield ", loop in XLA", Way(lambda: jax.block_until_ready(looped(many)), once, REPEATS)


def entries(job, transposed):
    """What is compared: matrices as points × outputs × inputs, of yJD the last two."""

    def matrix(result):
        result = np.asarray(result)
        return result.swapaxes(1, 2) if transposed and job.quantity != "L" else result

    return lambda result: [matrix(r) for r in result[1:]] if job.quantity == "yJD" else matrix(result)


def ways(job):
    """(name, builder) for each way; a builder yields (suffix, Way)."""
    if job.sparse:
        return
    f = job.network.jax()
    chosen = []
    if job.quantity == "J":
        chosen += [(name, pick(job, method, False), False) for name, method in jacobians(job)]
    else:
        chosen += [(name, pick(job, method, t), t) for name, method, t in methods(job)]
    if job.quantity == "L":
        chosen += [(name, at, False) for name, at in laplacians(job)]
    for name, at, transposed in chosen:
        at_point = lambda x, at=at: at(f, x)
        numbers = entries(job, transposed)
        everything = lambda p, at=at_point: jax.vmap(at)(p)
        if job.inputs * job.batch <= LARGEST >> 10:
            yield f"jax {name}", lambda g=everything, n=numbers: compiled(job, g, n)
        if job.batch >= 2 * CHUNK:
            chunks = lambda p, at=at_point: lax.map(at, p, batch_size=CHUNK)
            yield f"jax {name}, {CHUNK} points at a time", lambda g=chunks, n=numbers: compiled(job, g, n)
        elif 1 < job.batch and job.inputs > 16:
            each = lambda p, at=at_point: lax.map(at, p)
            yield f"jax {name}, a point at a time", lambda g=each, n=numbers: compiled(job, g, n)
    if job.quantity == "D" and job.inputs <= 1024:
        back = lambda r: np.moveaxis(np.asarray(r), 0, 2)
        yield "jax jvp of jvp, directions in turn", lambda: compiled(job, lambda p: in_turn(f, p), back)
    if job.quantity == "L" and job.inputs <= 1024:
        summed = lambda p: in_turn(f, p).sum(0)
        yield "jax jvp of jvp, directions in turn", lambda: compiled(job, summed)

"""Compressed ways: the inputs of a color share a direction."""

import asdex
import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax import lax

import colors
from job import Refused, Way
from networks import FORMS


def jitted(function, points, numbers):
    points = jnp.asarray(points)
    run = jax.jit(function).lower(points).compile()
    yield "", Way(lambda: jax.block_until_ready(run(points)), numbers)


def several(along, seeds, in_turn):
    return lax.map(along, seeds) if in_turn else jax.vmap(along)(seeds)


def unpacking(job, of_colors):
    """For the check: the reference's entries from a result of colors × outputs."""

    def numbers(result):
        packed = np.asarray(result)
        if job.quantity == "L":
            return packed
        return packed[of_colors[job.reference.indices], job.reference.rows][None]

    return numbers


def compressed_jvp(job, form, in_turn, unpack):
    """A jvp, or a jvp of a jvp, for each color; `unpack`: the entries in the order of their rows, not by color."""
    of_colors, _ = colors.columns(job)
    f = job.network.jax(form)
    numbers = unpacking(job, of_colors)
    seeds = colors.seeds(of_colors, job.points.dtype)

    def packed(points):
        x = points[0]
        first = lambda x, e: jax.jvp(f, (x,), (e,))[1]
        second = lambda x, e: jax.jvp(lambda x: first(x, e), (x,), (e,))[1]
        order = first if job.quantity == "J" else second
        result = several(lambda e: order(x, e), seeds, in_turn)
        return result.sum(0) if job.quantity == "L" else result

    if not unpack:
        return jitted(packed, job.points, numbers)
    places = of_colors[job.reference.indices] * job.outputs + job.reference.rows
    entries = lambda points: packed(points).reshape(-1)[places]
    return jitted(entries, job.points, lambda result: np.asarray(result)[None])


def compressed_hvp(job, form, in_turn, reverse_first):
    """Products of the Hessian of the one output with the sum of each color's unit vectors."""
    of_colors, _ = colors.columns(job)
    f = job.network.jax(form)
    scalar = lambda x: f(x)[0]
    seeds = colors.seeds(of_colors, job.points.dtype)

    def all_colors(points):
        x = points[0]
        if reverse_first:
            product = lambda e: jax.jvp(jax.grad(scalar), (x,), (e,))[1]
        else:
            product = lambda e: jax.grad(lambda x: jax.jvp(scalar, (x,), (e,))[1])(x)
        # Masked and added up, each input keeps the entry of its own color.
        second = several(lambda e: e * product(e), seeds, in_turn).sum(0)
        return second.sum() if job.quantity == "L" else second

    return jitted(all_colors, job.points, flat(job))


def flat(job):
    return lambda result: np.asarray(result).reshape(job.reference.values.shape)


def bends(network, form):
    """x, seeds → Σ over units of adjoint · σ'' · tangent², as seeds × places: the nodal strategy by hand."""
    f = network.jax(form)

    def of_point(x, seeds):
        functions = []

        def collect(x, added):
            operands = []

            def unit(_, function, z):
                functions.append(function)
                operands.append(z)
                return function(z) + (0 if added is None else added[len(operands) - 1])

            y = f(x, unit)
            return y, operands

        shapes = jax.eval_shape(lambda x: collect(x, None)[1], x)
        zeros = [jnp.zeros(s.shape, s.dtype) for s in shapes]
        _, pull, operands = jax.vjp(lambda added: collect(x, added), zeros, has_aux=True)
        adjoints = pull(jnp.ones(1, x.dtype))[0]
        tangents = jax.vmap(lambda e: jax.jvp(lambda x: collect(x, None)[1], (x,), (e,))[1])(seeds)
        total = 0
        for function, z, adjoint, tangent in zip(functions, operands, adjoints, tangents):
            slope = lambda z: jax.jvp(function, (z,), (jnp.ones_like(z),))[1]
            bend = jax.jvp(slope, (z,), (jnp.ones_like(z),))[1]
            total += jnp.einsum("cp,scp->sp", adjoint * bend, jnp.square(tangent))
        return total

    return of_point


def lattice_by_units(job, form):
    """Nodal by hand: all that a color gets in the window around an input belongs to that input."""
    of_colors, _ = colors.columns(job)
    radius, n = colors.reach(job.network), job.inputs
    seeds = colors.seeds(of_colors, job.points.dtype)
    of_point = bends(job.network, form)

    def run(points):
        sums = of_point(points[0], seeds)
        if job.quantity == "L":
            return sums.sum()
        windows = jnp.pad(sums, [(0, 0), (radius, radius)])
        windows = sum(windows[:, d : d + n] for d in range(2 * radius + 1))
        return (windows * seeds).sum(0)

    return jitted(run, job.points, flat(job))


def nodes_by_units(job, form, one_point):
    """Nodal by hand with a seed for each feature, since nodes meet in the last, linear layer only."""
    features = node_features(job)
    seeds = colors.seeds(features, job.points.dtype)
    of_point = bends(job.network, form)
    total = (lambda d: d.sum()) if job.quantity == "L" else lambda d: d.reshape(-1)
    at = lambda x: total(of_point(x, seeds))
    run = (lambda p: lax.map(at, p)) if one_point else jax.vmap(at)
    return jitted(run, job.points, flat(job))


def node_features(job):
    shape = next(layer["shape"] for layer in job.network.layers if layer["kind"] == "input")
    return np.repeat(np.arange(shape[0]), shape[1])


def nodes_hvp(job, form, reverse_first, one_point):
    """Four Hessian-vector products, one for each feature of all nodes."""
    f = job.network.jax(form)
    scalar = lambda x: f(x)[0]
    seeds = colors.seeds(node_features(job), job.points.dtype)

    def at(x):
        if reverse_first:
            product = lambda e: jax.jvp(jax.grad(scalar), (x,), (e,))[1]
        else:
            product = lambda e: jax.grad(lambda x: jax.jvp(scalar, (x,), (e,))[1])(x)
        second = jax.vmap(lambda e: e * product(e))(seeds).sum(0)
        return second.sum() if job.quantity == "L" else second

    run = (lambda p: lax.map(at, p)) if one_point else jax.vmap(at)
    return jitted(run, job.points, flat(job))


def nodes_jvp(job, form, one_point):
    """A jvp of a jvp of every node's own output for each feature."""
    inner, weight = job.network.without_last()
    f = inner.jax(form)
    seeds = colors.seeds(node_features(job), job.points.dtype)

    def at(x):
        along = lambda e: jax.jvp(lambda x: jax.jvp(f, (x,), (e,))[1], (x,), (e,))[1]
        second = jax.vmap(along)(seeds) * weight
        return second.sum() if job.quantity == "L" else second.reshape(-1)

    run = (lambda p: lax.map(at, p)) if one_point else jax.vmap(at)
    return jitted(run, job.points, flat(job))


def asdex_jacobian(job, form):
    coloring, where = colors.colored_pattern(job)
    jacobian = asdex.jacobian_from_coloring(job.network.jax(form), coloring, output_format="bcoo")
    yield from jitted(lambda p: jacobian(p[0]).data, job.points, lambda r: np.asarray(r)[None])


def asdex_hessian(job, form):
    """The whole sparse Hessian, of which the diagonal is taken."""
    pattern, _ = colors.detect(job)
    if pattern is None:
        raise Refused(f"detection took more than {colors.PATIENCE} s")
    f = job.network.jax(form)
    coloring = asdex.hessian_coloring_from_sparsity(pattern)
    hessian = asdex.hessian_from_coloring(lambda x: f(x)[0], coloring, output_format="bcoo")
    diagonal = np.flatnonzero(pattern.rows == pattern.cols)
    yield from jitted(lambda p: hessian(p[0]).data[diagonal], job.points, flat(job))


def torch_way(once, compile, numbers):
    if compile:
        # The compiler runs at the first call.
        once()
    yield "", Way(once, numbers)


def torch_compressed(job, form, compile):
    of_colors, _ = colors.columns(job)
    f, points = job.network.torch(form), torch.from_numpy(np.ascontiguousarray(job.points))
    seeds = torch.from_numpy(colors.seeds(of_colors, job.points.dtype))
    jvp = torch.func.jvp

    def packed(x):
        if job.quantity == "J":
            along = lambda e: jvp(f, (x,), (e,))[1]
        else:
            along = lambda e: jvp(lambda x: jvp(f, (x,), (e,))[1], (x,), (e,))[1]
        result = torch.func.vmap(along)(seeds)
        return result.sum(0) if job.quantity == "L" else result

    torch.compiler.reset()
    run = torch.compile(packed, fullgraph=True, dynamic=False) if compile else packed

    def once():
        with torch.no_grad():
            return run(points[0])

    yield from torch_way(once, compile, unpacking(job, of_colors))


def torch_compressed_hvp(job, form, compile, of_colors):
    f, points = job.network.torch(form), torch.from_numpy(np.ascontiguousarray(job.points))
    seeds = torch.from_numpy(colors.seeds(of_colors, job.points.dtype))

    def all_colors(x):
        gradient = torch.func.grad(lambda x: f(x)[0])
        product = lambda e: e * torch.func.jvp(gradient, (x,), (e,))[1]
        second = torch.func.vmap(product)(seeds).sum(0)
        return second.sum() if job.quantity == "L" else second

    torch.compiler.reset()
    everything = torch.func.vmap(all_colors)
    run = torch.compile(everything, fullgraph=True, dynamic=False) if compile else everything

    def once():
        with torch.no_grad():
            return run(points)

    yield from torch_way(once, compile, flat(job))


def plain_gradient(job, form):
    f = job.network.jax(form)
    yield from jitted(lambda p: jax.vmap(jax.grad(lambda x: f(x)[0]))(p), job.points, flat(job))


def ways(job):
    """(name, builder) for each way; a builder yields (suffix, Way)."""
    if job.name == "nodes" and job.quantity != "J":
        yield from of_nodes(job)
    elif job.sparse and job.outputs == 1:
        yield from of_lattice(job)
    elif job.sparse:
        yield from of_local_outputs(job)


def of_nodes(job):
    for form in ("native", "shifts"):
        for one_point, word in ((False, ""), (True, ", a point at a time")):
            yield f"jax jvp of grad, 4 colors, {form}{word}", lambda f=form, o=one_point: nodes_hvp(job, f, True, o)
            yield f"jax grad of jvp, 4 colors, {form}{word}", lambda f=form, o=one_point: nodes_hvp(job, f, False, o)
            yield f"jax jvp of jvp, 4 colors, {form}{word}", lambda f=form, o=one_point: nodes_jvp(job, f, o)
            yield f"jax nodal by hand, 4 colors, {form}{word}", lambda f=form, o=one_point: nodes_by_units(job, f, o)
        for compile, word in ((False, "torch"), (True, "torch.compile")):
            build = lambda f=form, c=compile: torch_compressed_hvp(job, f, c, node_features(job))
            yield f"{word} jvp of grad, 4 colors, {form}", build


def of_lattice(job):
    for form in FORMS:
        if job.quantity == "J":
            yield f"jax grad, {form}", lambda f=form: plain_gradient(job, f)
            continue
        for in_turn, word in ((False, ""), (True, ", colors in turn")):
            yield f"jax jvp of grad, {form}{word}", lambda f=form, t=in_turn: compressed_hvp(job, f, t, True)
            yield f"jax grad of jvp, {form}{word}", lambda f=form, t=in_turn: compressed_hvp(job, f, t, False)
        yield f"jax nodal by hand, {form}", lambda f=form: lattice_by_units(job, f)
        # Eager loops over channels take forever, and so does their compilation.
        if form != "fused":
            for compile, word in ((False, "torch"), (True, "torch.compile")):
                build = lambda f=form, c=compile: torch_compressed_hvp(job, f, c, colors.columns(job)[0])
                yield f"{word} jvp of grad, {form}", build
    if job.quantity == "D":
        yield "asdex hessian, its diagonal", lambda: asdex_hessian(job, "native")


def of_local_outputs(job):
    base = "jvp" if job.quantity == "J" else "jvp of jvp"
    forms = [form for form in FORMS if form != "fused" or "conv" in job.network.kinds]
    for form in forms:
        for in_turn, word in ((False, ""), (True, ", colors in turn")):
            name = f"jax {base}, {form}{word}"
            yield f"{name}, packed", lambda f=form, t=in_turn: compressed_jvp(job, f, t, False)
            if job.quantity in ("D", "J"):
                yield f"{name}, entries", lambda f=form, t=in_turn: compressed_jvp(job, f, t, True)
        if job.quantity == "J":
            yield f"asdex jacobian, {form}", lambda f=form: asdex_jacobian(job, f)
        # Eager loops over channels take forever, and so does their compilation.
        if form != "fused":
            yield f"torch {base}, {form}, packed", lambda f=form: torch_compressed(job, f, False)
            yield f"torch.compile {base}, {form}, packed", lambda f=form: torch_compressed(job, f, True)

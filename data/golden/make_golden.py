"""Golden values: small networks with their exact derivatives.

For each network NAME this writes
    NAME.safetensors          the network, in the colorjet format (version 1),
    NAME.golden.safetensors   x [P, n], y [P, m], jacobian [P, m, n] and
                              hessian_diagonal [P, m, n] at P points.

The networks are read back from their files and evaluated with JAX in 64 bits.
Jacobian and Hessian diagonal are nested forward derivatives (jvp of jvp), one
input direction at a time; no structure of the network is used.  Every value is
then compared with exact.py (naive loops, 600 digits).  The kinds_* files hold
the JAX values.  The functions_* files hold the correctly rounded values, since
the derivatives of saturated functions cancel in 64 bits; the table printed
tells by how much JAX is off there.

Run: python data/golden/make_golden.py
Needs: jax, numpy, scipy, safetensors, mpmath (gmpy2 makes it faster)
"""
import os
import sys

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import erf

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import exact
from colorjet_format import load, save, save_tensors

SEED = 20261122

# ---------------------------------------------------------------- evaluator

FUNCTIONS = {
    "identity": lambda z: z,
    "relu": lambda z: jnp.where(z > 0, z, 0.0),
    "leaky_relu": lambda z, alpha=0.01: jnp.where(z > 0, z, alpha * z),
    "prelu": lambda z, slope: jnp.where(z > 0, z, slope * z),
    "elu": lambda z, alpha=1.0: jax.nn.elu(z, alpha),
    "selu": lambda z: 1.0507009873554804934193349852946
    * jax.nn.elu(z, 1.6732632423543772848170429916717),
    "celu": lambda z, alpha=1.0: jax.nn.celu(z, alpha),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "softsign": lambda z: z / (1 + jnp.abs(z)),
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "gelu_tanh": lambda z: jax.nn.gelu(z, approximate=True),
    "silu": jax.nn.silu,
    "mish": lambda z: z * jnp.tanh(jax.nn.softplus(z)),
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tan": jnp.tan,
    "asin": jnp.arcsin,
    "acos": jnp.arccos,
    "atan": jnp.arctan,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "asinh": jnp.arcsinh,
    "acosh": jnp.arccosh,
    "atanh": jnp.arctanh,
    "exp": jnp.exp,
    "log": jnp.log,
    "sqrt": jnp.sqrt,
    "square": lambda z: z * z,
    "powi": lambda z, exponent: lax.integer_pow(z, int(exponent)),
    "powf": lambda z, exponent: z**exponent,
    "reciprocal": lambda z: 1 / z,
    "erf": erf,
    "abs": jnp.abs,
    "clip": lambda z, low=-np.inf, high=np.inf: jnp.where(z <= low, low, jnp.where(z >= high, high, z)),
    "thresholded_relu": lambda z, alpha=1.0: jnp.where(z > alpha, z, 0.0),
    "shrink": lambda z, bias=0.0, **p: jnp.where(
        jnp.abs(z) <= p.get("lambda", 0.5), 0.0, z - bias * jnp.sign(z)
    ),
}


def per_unit(tensors, parameter, shape):
    """A number or a tensor of length 1, channels or units, broadcastable to `shape`."""
    if not isinstance(parameter, str):
        return parameter
    value = tensors[parameter].ravel()
    if value.size == np.prod(shape):
        return value.reshape(shape)
    assert value.size in (1, shape[0])
    return value.reshape((-1,) + (1,) * (len(shape) - 1))


def window(layer, rank):
    return (
        layer.get("stride", [1] * rank),
        [tuple(p) for p in layer.get("padding", [[0, 0]] * rank)],
        layer.get("dilation", [1] * rank),
    )


def apply(layer, args, tensors):
    """The value of one layer from those of its operands."""
    kind, first = layer["kind"], args[0]
    flat = jnp.concatenate([a.ravel() for a in args])
    if kind == "dense":
        out = tensors[layer["weight"]] @ flat
        return out + tensors[layer["bias"]] if "bias" in layer else out
    if kind == "sparse":
        ptr, index, data = (tensors[layer[k]] for k in ("indptr", "indices", "data"))
        row = np.repeat(np.arange(layer["shape"][0]), np.diff(ptr))
        out = jnp.zeros(layer["shape"][0]).at[row].add(data * flat[index])
        return out + tensors[layer["bias"]] if "bias" in layer else out
    if kind == "conv":
        weight = tensors[layer["weight"]]
        stride, padding, dilation = window(layer, weight.ndim - 2)
        out = lax.conv_general_dilated(
            first[None], weight, stride, padding, rhs_dilation=dilation,
            feature_group_count=layer.get("groups", 1), precision="highest",
        )[0]
        return out + per_unit(tensors, layer["bias"], out.shape) if "bias" in layer else out
    if kind == "gather":
        index = tensors[layer["index"]].ravel()
        out = jnp.where(index >= 0, flat[np.maximum(index, 0)], layer.get("fill", 0.0))
        return out.reshape(layer["shape"])
    if kind == "sum":
        scales = layer.get("scales", [1.0] * len(args))
        # Shapes may differ by axes of length one.
        out = sum(per_unit(tensors, s, first.shape) * a.reshape(first.shape) for s, a in zip(scales, args))
        return out + per_unit(tensors, layer.get("shift", 0.0), out.shape)
    if kind == "elementwise":
        names = ("alpha", "slope", "exponent", "low", "high", "lambda", "bias")
        parameters = {k: v for k, v in layer.items() if k in names}
        if "slope" in parameters:
            parameters["slope"] = per_unit(tensors, parameters["slope"], first.shape)
        return FUNCTIONS[layer["function"]](first, **parameters)
    if kind == "product":
        return first * args[1].reshape(first.shape)
    if kind == "max":
        ptr, index = tensors[layer["ptr"]], tensors[layer["index"]]
        picked = [index[lo:hi] for lo, hi in zip(ptr[:-1], ptr[1:])]
        out = jnp.stack([flat[p][jnp.argmax(flat[p])] for p in picked])
        return out.reshape(layer["shape"])
    if kind == "reshape":
        return first.reshape(layer["shape"])
    if kind == "flatten":
        return first.ravel()
    if kind == "concat":
        return jnp.concatenate(args, axis=layer["axis"])
    if kind == "transpose":
        return first.transpose(layer["perm"])
    if kind == "slice":
        steps = layer.get("steps", [1] * first.ndim)
        return first[tuple(map(slice, layer["starts"], layer["ends"], steps))]
    if kind == "pad":
        mode = layer.get("mode", "constant")
        if mode == "constant":
            return jnp.pad(first, layer["padding"], constant_values=layer.get("fill", 0.0))
        return jnp.pad(first, layer["padding"], mode={"circular": "wrap"}.get(mode, mode))
    if kind in ("avg_pool", "max_pool"):
        kernel = layer["kernel"]
        stride, padding, dilation = window({"stride": kernel} | layer, len(kernel))
        shape = dict(
            window_dimensions=(1, *kernel), window_strides=(1, *stride),
            padding=((0, 0), *padding), window_dilation=(1, *dilation),
        )
        if kind == "avg_pool":
            total = lax.reduce_window(first, 0.0, lax.add, **shape)
            if layer.get("count_include_pad", True):
                return total / np.prod(kernel)
            return total / lax.reduce_window(jnp.ones(first.shape), 0.0, lax.add, **shape)
        # Positions of the first maxima; the derivative is that of the gather.
        def better(a, b):
            wins = (a[0] > b[0]) | ((a[0] == b[0]) & (a[1] < b[1]))
            return jnp.where(wins, a[0], b[0]), jnp.where(wins, a[1], b[1])

        where = jnp.arange(first.size).reshape(first.shape)
        none = (jnp.array(-jnp.inf), jnp.array(first.size))
        operands = (lax.stop_gradient(first), where)
        _, chosen = lax.reduce_window(operands, none, better, **shape)
        return first.ravel()[chosen]
    if kind == "batch_norm":
        scale, shift, mean, variance = (
            per_unit(tensors, layer[k], first.shape) for k in ("scale", "shift", "mean", "variance")
        )
        return scale * (first - mean) / jnp.sqrt(variance + layer.get("epsilon", 1e-5)) + shift
    raise ValueError(f"unknown kind {kind}")


def as_function(layers, outputs, tensors):
    """The network as a function of its flat input, and the length of that input."""
    tensors = {k: t if t.dtype.kind == "i" else t.astype(np.float64) for k, t in tensors.items()}
    by_name = {layer["name"]: layer for layer in layers}
    inputs = [layer for layer in layers if layer["kind"] == "input"]
    ends = np.cumsum([int(np.prod(layer["shape"])) for layer in inputs])

    def f(x):
        parts = jnp.split(x, ends[:-1])
        values = {i["name"]: p.reshape(i["shape"]) for i, p in zip(inputs, parts)}

        def value(name):
            if name not in values:
                layer = by_name[name]
                values[name] = apply(layer, [value(o) for o in layer["from"]], tensors)
            return values[name]

        return jnp.concatenate([value(name).ravel() for name in outputs])

    return f, int(ends[-1])


def derivatives(f, x):
    """y [m], Jacobian [m, n] and Hessian diagonals [m, n] by nested jvp."""

    def along(direction):
        slope = lambda z: jax.jvp(f, (z,), (direction,))[1]
        return jax.jvp(slope, (x,), (direction,))

    first, second = jax.vmap(along)(jnp.eye(x.size))
    return f(x), first.T, second.T


# ----------------------------------------------------------------- networks

NETWORKS = {}


class Network:
    """Collects the layers and tensors of one small random network."""

    def __init__(self, name, points=2):
        self.name, self.layers, self.tensors = name, [], {}
        self.rng = np.random.default_rng([SEED, *name.encode()])
        self.points, self.x, self.outputs = points, None, None
        NETWORKS[name] = self

    def add(self, name, kind, *operands, **fields):
        layer = {"name": name, "kind": kind}
        if operands:
            layer["from"] = list(operands)
        self.layers.append(layer | fields)
        return name

    def tensor(self, name, *shape, scale=1.0):
        self.tensors[name] = scale * self.rng.standard_normal(shape)
        return name

    def ints(self, name, values, dtype=np.int64):
        self.tensors[name] = np.asarray(values, dtype=dtype)
        return name

    def input(self, *shape, name="x"):
        return self.add(name, "input", shape=list(shape))

    def dense(self, name, operand, m, k, bias=True):
        fields = {"weight": self.tensor(f"{name}.weight", m, k, scale=1 / np.sqrt(k))}
        if bias:
            fields["bias"] = self.tensor(f"{name}.bias", m, scale=0.5)
        return self.add(name, "dense", operand, **fields)

    def conv(self, name, operand, *shape, bias=True, **fields):
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        fields["weight"] = self.tensor(f"{name}.weight", *shape, scale=scale)
        if bias:
            fields["bias"] = self.tensor(f"{name}.bias", shape[0], scale=0.5)
        return self.add(name, "conv", operand, **fields)

    def act(self, name, operand, function="tanh", **fields):
        return self.add(name, "elementwise", operand, function=function, **fields)


SIGNED = [[-0.7, 1.3, 0.4, -1.9, 0.9], [8.0, -7.5, -8.3, 7.8, -8.9], [-25.0, 24.4, 25.6, -24.7, -26.1]]
POSITIVE = [[0.7, 1.3, 0.4, 1.9, 2.3], [8.0, 7.5, 0.05, 9.8, 3.9], [25.0, 310.0, 0.3, 24.7, 2600.0]]
INSIDE = [[-0.7, 0.3, 0.4, -0.9, 0.5], [0.05, -0.01, 0.02, 0.0, -0.03], [0.985, -0.98, 0.97, 0.99, -0.99]]
ABOVE = [[1.7, 2.3, 1.4, 2.9, 3.3], [9.0, 8.5, 1.05, 10.8, 4.9], [26.0, 311.0, 1.3, 25.7, 2601.0]]
CASES = [
    (name, name, {}, SIGNED)
    for name in (
        "identity relu leaky_relu elu selu celu tanh sigmoid softplus softsign gelu gelu_tanh "
        "silu mish sin cos tan atan sinh cosh asinh exp square erf abs thresholded_relu shrink"
    ).split()
] + [
    ("leaky_relu_alpha", "leaky_relu", {"alpha": 0.3}, SIGNED),
    ("elu_alpha", "elu", {"alpha": 0.6}, SIGNED),
    ("celu_alpha", "celu", {"alpha": 1.7}, SIGNED),
    ("prelu", "prelu", {"slope": [0.2]}, SIGNED),
    ("prelu_units", "prelu", {"slope": [0.2, -0.3, 0.0, 1.4, 0.05]}, SIGNED),
    ("powi_0", "powi", {"exponent": 0}, SIGNED),
    ("powi_1", "powi", {"exponent": 1}, SIGNED),
    ("powi_2", "powi", {"exponent": 2}, SIGNED),
    ("powi_3", "powi", {"exponent": 3}, SIGNED),
    ("powi_minus_2", "powi", {"exponent": -2}, SIGNED),
    ("clip", "clip", {"low": -1.5, "high": 7.9}, SIGNED),
    ("clip_low", "clip", {"low": -0.25}, SIGNED),
    ("clip_high", "clip", {"high": 0.25}, SIGNED),
    ("thresholded_relu_alpha", "thresholded_relu", {"alpha": -0.75}, SIGNED),
    ("shrink_soft", "shrink", {"lambda": 0.75, "bias": 0.75}, SIGNED),
    ("asin", "asin", {}, INSIDE),
    ("acos", "acos", {}, INSIDE),
    ("atanh", "atanh", {}, INSIDE),
    ("acosh", "acosh", {}, ABOVE),
    ("log", "log", {}, POSITIVE),
    ("sqrt", "sqrt", {}, POSITIVE),
    ("powf", "powf", {"exponent": 2.7}, POSITIVE),
    ("powf_minus", "powf", {"exponent": -0.6}, POSITIVE),
    ("reciprocal", "reciprocal", {}, SIGNED),
]


def function_networks():
    """dense 5 -> 5, function, dense 5 -> 3, at moderate, large and very large arguments.

    Weights, biases and points are short binary fractions, so the arguments of
    the function are exact in 64 bits whatever the order of summation.
    """
    for case, function, parameters, targets in CASES:
        net = Network(f"functions_{case}", points=3)
        weight = np.round(16 * (np.eye(5) + 0.3 * net.rng.standard_normal((5, 5)))) / 16
        bias = np.round(16 * 0.3 * net.rng.standard_normal(5)) / 16
        net.x = np.round(1024 * np.linalg.solve(weight, np.array(targets).T - bias[:, None]).T) / 1024
        net.tensors |= {"first.weight": weight, "first.bias": bias}
        if "slope" in parameters:
            net.tensors["slope"] = np.array(parameters["slope"])
            parameters = {"slope": "slope"}
        net.input(5)
        net.add("first", "dense", "x", weight="first.weight", bias="first.bias")
        net.act("function", "first", function, **parameters)
        net.outputs = [net.dense("last", "function", 3, 5)]


def kind_networks():
    net = Network("kinds_conv1d")
    net.input(4, 9)
    net.conv("c1", "x", 6, 2, 3, groups=2, stride=[2], padding=[[2, 1]], dilation=[2])
    net.act("a1", "c1")
    net.outputs = [net.conv("c2", "a1", 2, 6, 2, bias=False)]

    net = Network("kinds_conv2d")
    net.input(2, 5, 6)
    net.conv("c1", "x", 4, 2, 3, 2, stride=[2, 1], padding=[[1, 0], [0, 2]], dilation=[1, 2])
    net.act("a1", "c1", "softplus")
    net.outputs = [net.conv("c2", "a1", 1, 4, 2, 3)]

    net = Network("kinds_conv2d_groups")
    net.input(4, 4, 5)
    net.conv("c1", "x", 6, 2, 2, 3, groups=2, stride=[1, 2], padding=[[0, 1], [1, 1]])
    net.act("a1", "c1", "sigmoid")
    net.conv("c2", "a1", 6, 1, 3, 2, groups=6, bias=False)  # depthwise
    net.act("a2", "c2", "silu")
    net.outputs = [net.conv("c3", "a2", 2, 6, 1, 1)]

    net = Network("kinds_sparse")
    net.input(6)
    net.ints("s1.indptr", [0, 2, 2, 5, 6, 7]), net.ints("s1.indices", [0, 4, 1, 2, 5, 3, 0])
    net.tensor("s1.data", 7), net.tensor("s1.bias", 5)
    csr = lambda s: {k: f"{s}.{k}" for k in ("indptr", "indices", "data")}
    net.add("s1", "sparse", "x", shape=[5, 6], bias="s1.bias", **csr("s1"))
    net.act("a1", "s1")
    net.ints("s2.indptr", [0, 3, 4, 4, 6]), net.ints("s2.indices", [0, 1, 2, 3, 2, 4])
    net.tensor("s2.data", 6)
    net.outputs = [net.add("s2", "sparse", "a1", shape=[4, 5], **csr("s2"))]

    net = Network("kinds_gather")
    net.input(2, 3)
    net.dense("d", "x", 4, 6)
    net.act("a", "d")
    net.ints("g.index", [3, -1, 9, 0, 0, 6, -1, 8])  # x is 0..6, a is 6..10
    net.add("g", "gather", "x", "a", index="g.index", shape=[2, 2, 2], fill=0.75)
    net.act("b", "g", "sin")
    net.ints("h.index", [7, 5, -1, 2])
    net.outputs = [net.add("h", "gather", "b", index="h.index", shape=[4])]

    net = Network("kinds_concat")
    net.input(2, 3, 4)
    net.conv("c1", "x", 3, 2, 3, 3, padding=[[1, 1], [1, 1]])
    net.act("a1", "c1")
    net.add("skip", "concat", "a1", "x", axis=0)
    net.conv("c2", "skip", 2, 5, 1, 1)
    net.act("a2", "c2", "gelu")
    net.outputs = [net.add("wide", "concat", "a2", "x", "a2", axis=2)]

    net = Network("kinds_sum")
    net.input(2, 2, 3)
    net.conv("c1", "x", 2, 2, 3, 3, padding=[[1, 1], [1, 1]])
    net.act("a1", "c1", "tanh")
    net.tensor("by_channel", 2), net.tensor("by_unit", 2, 2, 3), net.tensor("one", 1)
    net.add("r1", "sum", "a1", "x", scales=["by_channel", 0.5], shift="by_unit")
    net.act("a2", "r1", "mish")
    net.add("r2", "sum", "a2", "x", "r1", scales=["by_unit", "one", -1.25], shift="by_channel")
    net.act("a3", "r2", "sigmoid")
    net.add("r3", "sum", "a3", "x")
    net.add("r4", "sum", "r3", scales=[2], shift=-0.5)
    net.outputs = [net.add("r5", "sum", "r4", "a1", "r4", shift="one")]

    net = Network("kinds_axes_of_one")
    net.input(4, 1)
    net.dense("a", "x", 4, 4)
    net.act("b", "a", "tanh")
    net.add("row", "reshape", "b", shape=[1, 4])
    net.tensor("by_channel", 4)
    net.add("s", "sum", "x", "b", "row", scales=["by_channel", 0.5, -2.0], shift="by_channel")
    net.add("p", "product", "row", "s")
    net.outputs = [net.conv("c", "p", 2, 1, 3)]

    net = Network("kinds_product")
    net.input(5)
    net.dense("a", "x", 4, 5)
    net.dense("b", "x", 4, 5)
    net.act("gate", "b", "sigmoid")
    net.outputs = [net.add("gated", "product", "a", "gate")]

    net = Network("kinds_product_linear")
    net.input(4)
    net.dense("a", "x", 3, 4)
    net.add("b", "slice", "x", starts=[1], ends=[4])
    net.outputs = [net.add("ab", "product", "a", "b")]

    net = Network("kinds_product_self")
    net.input(4)
    net.add("xx", "product", "x", "x")
    net.dense("d", "xx", 4, 4)
    net.act("a", "d")
    net.add("aa", "product", "a", "a")
    net.outputs = [net.add("cube", "product", "aa", "a")]

    net = Network("kinds_max_pool", points=3)
    net.input(2, 5, 6)
    net.conv("c1", "x", 2, 2, 2, 2, padding=[[1, 0], [0, 1]])
    net.act("a1", "c1")
    net.add("p1", "max_pool", "a1", kernel=[3, 2], stride=[2, 1], padding=[[1, 1], [0, 1]])
    net.add("p2", "max_pool", "p1", kernel=[2, 2], dilation=[1, 2])
    net.outputs = [net.act("a2", "p2", "square")]

    net = Network("kinds_max_pool_default")
    net.input(2, 4, 6)
    net.act("a", "x", "sin")
    net.add("p", "max_pool", "a", kernel=[2, 3])
    net.outputs = [net.dense("d", "p", 3, 8)]

    net = Network("kinds_max", points=3)
    net.input(4)
    net.act("a", "x", "tanh")
    net.dense("d", "x", 3, 4)
    net.act("b", "d", "softplus")
    net.ints("m.ptr", [0, 2, 5, 6, 9, 11])  # a is 0..4, b is 4..7
    net.ints("m.index", [0, 1, 4, 5, 6, 2, 3, 6, 0, 1, 0])
    net.add("m", "max", "a", "b", ptr="m.ptr", index="m.index", shape=[5])
    net.outputs = [net.act("c", "m", "square")]
    net.x = net.rng.standard_normal((3, 4))
    net.x[2, :2] = 0.25  # a tie of x0 and x1: the first candidate counts

    net = Network("kinds_avg_pool")
    net.input(2, 4, 5)
    net.act("a", "x")
    fields = dict(kernel=[3, 2], stride=[2, 2], padding=[[1, 0], [1, 1]])
    net.add("with", "avg_pool", "a", count_include_pad=True, **fields)
    net.act("b", "with", "exp")
    net.add("without", "avg_pool", "a", count_include_pad=False, **fields)
    net.act("c", "without", "cos")
    net.add("plain", "avg_pool", "a", kernel=[2, 2])
    net.outputs = ["b", "c", net.act("d", "plain", "sin")]

    net = Network("kinds_pool1d")
    net.input(2, 9)
    net.act("a", "x", "gelu_tanh")
    net.add("mean", "avg_pool", "a", kernel=[3], stride=[2], padding=[[1, 1]])
    net.add("top", "max_pool", "mean", kernel=[2], stride=[1], padding=[[1, 0]])
    net.outputs = [net.act("b", "top", "erf")]

    net = Network("kinds_batch_norm")
    net.input(3, 3, 2)
    net.conv("c1", "x", 2, 3, 2, 2, padding=[[1, 0], [0, 1]])

    def norm(name, operand, channels, **fields):
        keys = ("scale", "shift", "mean", "variance")
        for key in keys:
            net.tensor(f"{name}.{key}", channels)
        net.tensors[f"{name}.variance"] = 0.1 + net.tensors[f"{name}.variance"] ** 2
        return net.add(name, "batch_norm", operand, **{k: f"{name}.{k}" for k in keys}, **fields)

    norm("n1", "c1", 2)
    net.act("a1", "n1")
    net.dense("d", "a1", 4, 12)
    norm("n2", "d", 4, epsilon=0.125)
    net.outputs = [net.act("a2", "n2", "softsign")]

    for mode, shape, padding, extra in [
        ("constant", (2, 3, 4), [[1, 0], [0, 2], [2, 1]], {"fill": -0.6}),
        ("circular", (2, 3, 4), [[0, 1], [2, 1], [0, 3]], {}),
        ("reflect", (2, 3, 4), [[0, 0], [2, 1], [3, 1]], {}),
        ("edge", (2, 3, 4), [[0, 0], [1, 2], [2, 0]], {}),
    ]:
        net = Network(f"kinds_pad_{mode}")
        net.input(*shape)
        net.act("a", "x")
        net.add("p", "pad", "a", padding=padding, mode=mode, **extra)
        channels = shape[0] + sum(padding[0])
        net.conv("c", "p", 2, channels, 3, 3, stride=[2, 2])
        net.outputs = [net.act("b", "c", "silu")]

    net = Network("kinds_pad_default")
    net.input(2, 5)
    net.add("p", "pad", "x", padding=[[0, 0], [2, 2]])
    net.conv("c", "p", 2, 2, 3)
    net.outputs = [net.act("a", "c")]

    net = Network("kinds_shapes")
    net.input(2, 3, 4)
    net.add("t", "transpose", "x", perm=[2, 0, 1])  # [4, 2, 3]
    net.act("a", "t")
    net.add("s", "slice", "a", starts=[0, 1, 0], ends=[4, 2, 3], steps=[2, 1, 2])  # [2, 1, 2]
    net.add("r", "reshape", "a", shape=[6, 4])
    net.add("q", "slice", "r", starts=[1, 0], ends=[3, 4])  # [2, 4]
    net.add("f", "flatten", "q")
    net.dense("d1", "s", 3, 4)
    net.act("b", "d1", "cos")
    net.dense("d2", "f", 3, 8)
    net.add("m", "product", "b", "d2")
    net.add("v", "transpose", "q", perm=[1, 0])
    net.outputs = ["m", "v"]

    net = Network("kinds_two_in_two_out")
    net.input(2, 3, name="series")
    net.input(4, name="vector")
    net.conv("c", "series", 2, 2, 2)
    net.act("ca", "c", "elu")
    net.dense("d", "vector", 4, 4)
    net.act("da", "d", "selu")
    net.add("cd", "reshape", "ca", shape=[4])
    net.add("cross", "product", "cd", "da")
    net.outputs = [net.dense("head", "cross", 2, 4), "ca"]

    net = Network("kinds_linear")
    net.input(2, 4, 4)
    net.conv("c", "x", 2, 2, 3, 3, padding=[[1, 1], [1, 1]])
    net.add("p", "avg_pool", "c", kernel=[2, 2])
    net.add("q", "avg_pool", "x", kernel=[2, 2])
    net.add("s", "sum", "p", "q", scales=[1.5, -0.5])
    net.outputs = [net.dense("d", "s", 3, 8)]

    net = Network("kinds_scalar_output")
    net.input(1, 3, 4)
    net.add("p", "pad", "x", padding=[[0, 0], [1, 1], [1, 1]], mode="circular")
    net.conv("c", "p", 2, 1, 3, 3)
    net.act("a", "c")
    net.tensors["ones"] = np.ones((1, 24))
    net.outputs = [net.add("energy", "dense", "a", weight="ones")]

    net = Network("kinds_size_one", points=3)
    net.input(1)
    net.dense("d1", "x", 1, 1)
    net.act("a", "d1")
    net.outputs = [net.dense("d2", "a", 1, 1)]

    net = Network("kinds_input_is_output")
    net.input(3)
    net.act("a", "x", "exp")
    net.outputs = ["a", "x", "a"]

    net = Network("kinds_small_types")  # F32 and I32 tensors
    net.input(4)
    net.dense("d1", "x", 4, 4)
    net.act("a", "d1", "prelu", slope=net.tensor("slope", 4))
    net.ints("g.index", [3, 0, -1, 2, 2], dtype=np.int32)
    net.add("g", "gather", "a", "x", index="g.index", shape=[5])
    net.act("b", "g", "tanh")
    net.ints("s.indptr", [0, 2, 3], np.int32), net.ints("s.indices", [0, 3, 1], np.int32)
    net.tensor("s.data", 3)
    net.add("s", "sparse", "b", shape=[2, 5], **csr("s"))
    net.ints("m.ptr", [0, 2, 3], np.int32), net.ints("m.index", [0, 1, 1], np.int32)
    net.outputs = [net.add("m", "max", "s", ptr="m.ptr", index="m.index", shape=[2])]
    for key, value in net.tensors.items():
        net.tensors[key] = value if value.dtype.kind == "i" else value.astype(np.float32)

    net = Network("kinds_unordered")  # layers in reverse order
    net.input(3)
    net.dense("d1", "x", 4, 3)
    net.act("a1", "d1")
    net.dense("d2", "a1", 4, 4)
    net.act("a2", "d2", "powi", exponent=3)
    net.outputs = [net.add("r", "sum", "a2", "a1")]
    net.layers.reverse()

    net = Network("kinds_mixed")  # a small residual network with most kinds
    net.input(1, 6, 6)
    net.conv("c1", "x", 3, 1, 3, 3, padding=[[1, 1], [1, 1]])
    net.act("a1", "c1", "softplus")
    net.conv("c2", "a1", 3, 3, 3, 3, padding=[[1, 1], [1, 1]])
    net.add("r1", "sum", "c2", "a1", scales=[0.3, 1.0])
    net.act("a2", "r1", "gelu")
    net.add("p", "avg_pool", "a2", kernel=[2, 2])
    net.conv("gate", "p", 3, 3, 1, 1)
    net.act("sg", "gate", "sigmoid")
    net.add("gated", "product", "p", "sg")
    net.add("pick", "max_pool", "gated", kernel=[2, 2], stride=[1, 1])
    net.add("cat", "concat", "pick", "pick", axis=1)
    net.dense("d", "cat", 3, 24)
    net.act("e", "d", "tanh")
    net.outputs = [net.add("y", "sum", "e", shift=1)]


# --------------------------------------------------------------------- main


def worst(value, reference):
    """Largest error relative to the largest entry, over the points."""
    errors = []
    for a, b in zip(value, reference):
        size, error = np.abs(b).max(initial=0.0), np.abs(a - b).max(initial=0.0)
        errors.append(0.0 if error == 0 else error / size if size else np.inf)
    return max(errors)


def main(only):
    function_networks()
    kind_networks()
    print(f"{'JAX against 600 digits':32s} {'y':>9s} {'jacobian':>9s} {'hess diag':>9s}")
    for name, net in NETWORKS.items():
        if only and name not in only:
            continue
        path = os.path.join(HERE, name + ".safetensors")
        save(path, net.layers, net.outputs, net.tensors)
        network = load(path)
        f, n = as_function(*network)
        x = net.rng.standard_normal((net.points, n)) if net.x is None else net.x
        jitted = jax.jit(lambda p: derivatives(f, p))
        ours = [[np.asarray(v) for v in jitted(p)] for p in x]
        sure = [exact.derivatives(network, p) for p in x]
        ours, sure = (tuple(map(np.stack, zip(*v))) for v in (ours, sure))
        errors = [worst(a, b) for a, b in zip(ours, sure)]
        flag = "" if max(errors) < 1e-13 else "  <-"
        print(f"{name:32s} " + " ".join(f"{e:9.1e}" for e in errors) + flag, flush=True)
        functions = name.startswith("functions_")
        assert functions or max(errors) < 1e-13, "the two evaluators disagree"
        y, jacobian, diagonal = sure if functions else ours
        golden = dict(x=x, y=y, jacobian=jacobian, hessian_diagonal=diagonal)
        assert all(np.isfinite(v).all() for v in golden.values())
        source = "mpmath, correctly rounded" if functions else "JAX, nested jvp, 64 bits"
        save_tensors(os.path.join(HERE, name + ".golden.safetensors"), golden, source=source)


if __name__ == "__main__":
    main(sys.argv[1:])

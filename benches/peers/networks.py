"""colorjet's network files as functions of one flat point, in JAX and in PyTorch.

A linear layer can be written in more than one way, and which of them a compiler likes best is not known beforehand:

- `native`: the framework's own convolution; sparse layers gather the operand's entries, row by row.
- `shifts`: convolutions and banded matrices as sums over shifted slices of the padded operand.
- `fused`: as `shifts`, channel by channel, so that all is elementwise and a compiler can make one loop of a layer.
"""

import itertools
import json

import numpy as np
from safetensors import safe_open

FORMS = ("native", "shifts", "fused")


class Network:
    """The layers of a file, in an order in which each comes after those it reads."""

    def __init__(self, path, dtype):
        with safe_open(path, framework="numpy") as file:
            graph = json.loads(file.metadata()["colorjet"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if graph["version"] != 1 or len(graph["outputs"]) != 1:
            raise ValueError(f"{path} is not a file of version 1 with one output")
        reals = {name: t.astype(dtype) for name, t in tensors.items() if t.dtype.kind == "f"}
        self.tensors = tensors | reals
        self.layers = ordered(graph["layers"])
        self.output = graph["outputs"][0]

    @property
    def kinds(self):
        return {layer["kind"] for layer in self.layers}

    def tensor(self, layer, field):
        name = layer.get(field)
        return None if name is None else self.tensors[name]

    def without_last(self):
        """The same network up to the operand of its last layer."""
        last = next(layer for layer in self.layers if layer["name"] == self.output)
        inner = object.__new__(Network)
        inner.tensors, inner.layers = self.tensors, [layer for layer in self.layers if layer is not last]
        inner.output = last["from"][0]
        return inner, self.tensor(last, "weight")

    def jax(self, form="native"):
        return self.function(JaxLayers(form))

    def torch(self, form="native"):
        return self.function(TorchLayers(form))

    def function(self, backend):
        """y(x), both flat; `unit(number, σ, z)`, if given, stands in for each elementwise function."""
        constants = [backend.prepare(self, layer) for layer in self.layers]

        def y(x, unit=lambda number, function, z: function(z)):
            values = {}
            for number, (layer, constant) in enumerate(zip(self.layers, constants)):
                name, kind = layer["name"], layer["kind"]
                if kind == "input":
                    values[name] = x.reshape(layer["shape"])
                    continue
                operand = values[layer["from"][0]]
                if kind == "elementwise":
                    values[name] = unit(number, constant, operand)
                elif kind == "reshape":
                    values[name] = operand.reshape(layer["shape"])
                elif kind == "flatten":
                    values[name] = operand.reshape(-1)
                else:
                    values[name] = constant(operand)
            return values[self.output].reshape(-1)

        return y


def ordered(layers):
    ready, waiting = [], list(layers)
    while waiting:
        known = {layer["name"] for layer in ready}
        free = [layer for layer in waiting if known.issuperset(layer.get("from", []))]
        if not free:
            raise ValueError("the layers are not a directed acyclic graph")
        ready += free
        waiting = [layer for layer in waiting if layer not in free]
    return ready


class Layers:
    """What both frameworks share: a function for each kind of layer, from numbers known in advance."""

    def __init__(self, form):
        self.form = form

    def prepare(self, network, layer):
        kind = layer["kind"]
        if kind in ("input", "reshape", "flatten"):
            return None
        if kind == "elementwise":
            return self.elementwise(layer)
        if kind not in ("dense", "sparse", "conv"):
            raise NotImplementedError(f"layers of kind {kind}")
        return getattr(self, kind)(network, layer)

    def biased(self, product, bias, axes=0):
        if bias is None:
            return product
        bias = self.constant(bias.reshape(bias.shape + (1,) * axes))
        return lambda x: product(x) + bias

    def dense(self, network, layer):
        weight = self.constant(network.tensor(layer, "weight"))
        return self.biased(lambda x: weight @ x.reshape(-1), network.tensor(layer, "bias"))

    def sparse(self, network, layer):
        indptr, indices, data = (network.tensor(layer, field) for field in ("indptr", "indices", "data"))
        make = self.gathered if self.form == "native" else self.diagonals
        product = make(indptr.astype(np.int64), indices.astype(np.int64), data, layer["shape"])
        return self.biased(product, network.tensor(layer, "bias"))

    def gathered(self, indptr, indices, data, shape):
        """Rows filled up with zeros to the length of the longest."""
        lengths = np.diff(indptr)
        rows = np.repeat(np.arange(shape[0]), lengths)
        places = np.arange(len(indices)) - indptr[rows]
        columns = np.zeros((lengths.max(), shape[0]), np.int64)
        weights = np.zeros(columns.shape, data.dtype)
        columns[places, rows], weights[places, rows] = indices, data
        columns, weights = self.constant(columns), self.constant(weights)
        return lambda x: (weights * x.reshape(-1)[columns]).sum(0)

    def diagonals(self, indptr, indices, data, shape):
        """One shifted slice of the operand for each diagonal that has entries."""
        rows = np.repeat(np.arange(shape[0]), np.diff(indptr))
        offsets = np.unique(indices - rows)
        if len(offsets) > 64:
            raise NotImplementedError("shifted slices of a matrix that is not banded")
        weights = np.zeros((len(offsets), shape[0]), data.dtype)
        weights[np.searchsorted(offsets, indices - rows), rows] = data
        weights = [self.constant(w) for w in weights]
        before = max(0, -offsets[0])
        after = max(0, offsets[-1] + shape[0] - shape[1])

        def product(x):
            x = self.pad(x.reshape(1, -1), [(before, after)])[0]
            return sum(w * x[before + d : before + d + shape[0]] for w, d in zip(weights, offsets.tolist()))

        return product

    def conv(self, network, layer):
        weight = network.tensor(layer, "weight")
        axes = weight.ndim - 2
        padding = layer.get("padding") or [[0, 0]] * axes
        plain = all(s == 1 for s in layer.get("stride", []) + layer.get("dilation", []))
        if not plain or layer.get("groups", 1) > 1:
            raise NotImplementedError("strides, dilations and groups")
        make = {"native": self.convolution, "shifts": self.shifted, "fused": self.unrolled}[self.form]
        return self.biased(make(weight, padding), network.tensor(layer, "bias"), axes)

    def windows(self, x, kernel, padding):
        """For each place of the kernel, the slice of the padded operand that meets it."""
        x = self.pad(x, padding)
        lengths = [have - k + 1 for have, k in zip(x.shape[1:], kernel)]
        for place in itertools.product(*map(range, kernel)):
            yield place, x[(slice(None), *(slice(p, p + n) for p, n in zip(place, lengths)))]

    def shifted(self, weight, padding):
        kernel = weight.shape[2:]
        parts = {p: self.constant(weight[(..., *p)]) for p in itertools.product(*map(range, kernel))}

        def product(x):
            spatial = None
            total = 0
            for place, window in self.windows(x, kernel, padding):
                spatial = window.shape[1:]
                total = total + parts[place] @ window.reshape(window.shape[0], -1)
            return total.reshape(-1, *spatial)

        return product

    def unrolled(self, weight, padding):
        kernel = weight.shape[2:]
        if weight.size > 1024:
            raise NotImplementedError("fused slices of a convolution with more than 1024 weights")

        def product(x):
            windows = list(self.windows(x, kernel, padding))
            row = lambda o: sum(float(weight[(o, i, *p)]) * w[i] for p, w in windows for i in range(weight.shape[1]))
            return self.stack([row(o) for o in range(weight.shape[0])])

        return product


class JaxLayers(Layers):
    def __init__(self, form):
        super().__init__(form)
        import jax

        self.framework = jax

    def constant(self, array):
        return array

    def stack(self, arrays):
        return self.framework.numpy.stack(arrays)

    def pad(self, x, padding):
        return self.framework.numpy.pad(x, [(0, 0), *padding])

    def convolution(self, weight, padding):
        convolve, strides = self.framework.lax.conv_general_dilated, (1,) * (weight.ndim - 2)
        return lambda x: convolve(x[None], weight, strides, padding)[0]

    def elementwise(self, layer):
        nn, jnp, alpha = self.framework.nn, self.framework.numpy, layer.get("alpha", 1.0)
        functions = {
            "tanh": jnp.tanh,
            "sigmoid": nn.sigmoid,
            "elu": lambda z: nn.elu(z, alpha),
            "softplus": nn.softplus,
            "silu": nn.silu,
        }
        return functions[layer["function"]]


class TorchLayers(Layers):
    def __init__(self, form):
        super().__init__(form)
        import torch

        self.framework = torch

    def constant(self, array):
        return self.framework.from_numpy(np.ascontiguousarray(array))

    def stack(self, arrays):
        return self.framework.stack(arrays)

    def pad(self, x, padding):
        # PyTorch begins at the last axis.
        return self.framework.nn.functional.pad(x, [p for pair in reversed(padding) for p in pair])

    def convolution(self, weight, padding):
        functional = self.framework.nn.functional
        convolve = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}[weight.ndim]
        weight = self.constant(weight)
        if all(before == after for before, after in padding):
            return lambda x: convolve(x[None], weight, padding=[before for before, _ in padding])[0]
        return lambda x: convolve(self.pad(x, padding)[None], weight)[0]

    def elementwise(self, layer):
        functional, alpha = self.framework.nn.functional, layer.get("alpha", 1.0)
        functions = {
            "tanh": self.framework.tanh,
            "sigmoid": self.framework.sigmoid,
            "elu": lambda z: functional.elu(z, alpha),
            "softplus": functional.softplus,
            "silu": functional.silu,
        }
        return functions[layer["function"]]

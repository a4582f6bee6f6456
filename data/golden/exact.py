"""A second, deliberately naive evaluator of the colorjet format.

It shares no code with the JAX evaluator of make_golden.py: plain loops over
mpmath numbers.  Derivatives are central differences with 600 digits and a
step of 1e-60, so that truncation (about 1e-120 of the next derivatives) and
rounding (about 1e-480) are both far below anything a 64-bit float can show.
Selections of maxima are those of the undisturbed point.
"""
import itertools

import mpmath as mp
import numpy as np

mp.mp.dps = 600
STEP = mp.mpf(10) ** -60


def real(value):
    """The exact value of a 64-bit float (or of an integer)."""
    return mp.mpf(int(value)) if isinstance(value, (int, np.integer)) else mp.mpf(float(value))


def array(values):
    values = np.asarray(values)
    out = np.empty(values.shape, dtype=object)
    for at in np.ndindex(values.shape):
        out[at] = real(values[at])
    return out


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


SELU_ALPHA = mp.mpf("1.6732632423543772848170429916717")
SELU_SCALE = mp.mpf("1.0507009873554804934193349852946")

FUNCTIONS = {
    "identity": lambda z, p: z,
    "relu": lambda z, p: z if z > 0 else mp.mpf(0),
    "leaky_relu": lambda z, p: z if z > 0 else real(p.get("alpha", 0.01)) * z,
    "elu": lambda z, p: z if z > 0 else real(p.get("alpha", 1)) * (mp.exp(z) - 1),
    "selu": lambda z, p: SELU_SCALE * (z if z > 0 else SELU_ALPHA * (mp.exp(z) - 1)),
    "celu": lambda z, p: z if z > 0
    else real(p.get("alpha", 1)) * (mp.exp(z / real(p.get("alpha", 1))) - 1),
    "tanh": lambda z, p: mp.tanh(z),
    "sigmoid": lambda z, p: sigmoid(z),
    "softplus": lambda z, p: mp.log(1 + mp.exp(z)),
    "softsign": lambda z, p: z / (1 + abs(z)),
    "gelu": lambda z, p: z / 2 * mp.erfc(-z / mp.sqrt(2)),
    "gelu_tanh": lambda z, p: z / 2
    * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (z + real(0.044715) * z**3))),
    "silu": lambda z, p: z * sigmoid(z),
    "mish": lambda z, p: z * mp.tanh(mp.log(1 + mp.exp(z))),
    "sin": lambda z, p: mp.sin(z),
    "cos": lambda z, p: mp.cos(z),
    "tan": lambda z, p: mp.sin(z) / mp.cos(z),
    "asin": lambda z, p: mp.asin(z),
    "acos": lambda z, p: mp.acos(z),
    "atan": lambda z, p: mp.atan(z),
    "sinh": lambda z, p: (mp.exp(z) - mp.exp(-z)) / 2,
    "cosh": lambda z, p: (mp.exp(z) + mp.exp(-z)) / 2,
    "asinh": lambda z, p: mp.log(z + mp.sqrt(z * z + 1)),
    "acosh": lambda z, p: mp.log(z + mp.sqrt(z * z - 1)),
    "atanh": lambda z, p: mp.log((1 + z) / (1 - z)) / 2,
    "exp": lambda z, p: mp.exp(z),
    "log": lambda z, p: mp.log(z),
    "sqrt": lambda z, p: mp.sqrt(z),
    "square": lambda z, p: z * z,
    "powi": lambda z, p: z ** int(p["exponent"]),
    "powf": lambda z, p: mp.exp(real(p["exponent"]) * mp.log(z)),
    "reciprocal": lambda z, p: 1 / z,
    "erf": lambda z, p: mp.erf(z),
    "abs": lambda z, p: abs(z),
    "clip": lambda z, p: min(max(z, real(p.get("low", -np.inf))), real(p.get("high", np.inf))),
    "thresholded_relu": lambda z, p: z if z > real(p.get("alpha", 1)) else mp.mpf(0),
    "shrink": lambda z, p: mp.mpf(0) if abs(z) <= real(p.get("lambda", 0.5))
    else z - mp.sign(z) * real(p.get("bias", 0)),
}


class Evaluator:
    def __init__(self, layers, outputs, tensors):
        self.layers, self.outputs = layers, outputs
        self.tensors = {
            k: t if t.dtype.kind == "i" else array(t.astype(np.float64)) for k, t in tensors.items()
        }
        self.by_name = {layer["name"]: layer for layer in layers}
        self.inputs = [layer for layer in layers if layer["kind"] == "input"]
        self.n = sum(int(np.prod(layer["shape"])) for layer in self.inputs)

    def __call__(self, x, choices):
        """Outputs at x; `choices` keeps the selections of the first call."""
        values, start = {}, 0
        for layer in self.inputs:
            size = int(np.prod(layer["shape"]))
            values[layer["name"]] = x[start : start + size].reshape(layer["shape"])
            start += size

        def value(name):
            if name not in values:
                layer = self.by_name[name]
                values[name] = self.apply(layer, [value(f) for f in layer["from"]], choices)
            return values[name]

        return np.concatenate([value(name).ravel() for name in self.outputs])

    def per_unit(self, parameter, shape):
        """A number, or a tensor of length 1, channels or units, for every unit."""
        size = int(np.prod(shape))
        if not isinstance(parameter, str):
            return np.array([real(parameter)] * size, dtype=object).reshape(shape)
        flat = self.tensors[parameter].ravel()
        assert len(flat) in (1, shape[0], size)
        return np.repeat(flat, size // len(flat)).reshape(shape)

    def apply(self, layer, args, choices):
        kind, tensors = layer["kind"], self.tensors
        first = args[0]
        flat = np.concatenate([a.ravel() for a in args])
        if kind == "dense":
            weight = tensors[layer["weight"]]
            out = [sum(w * v for w, v in zip(row, flat)) for row in weight]
            if "bias" in layer:
                out = [o + b for o, b in zip(out, tensors[layer["bias"]])]
            return np.array(out, dtype=object)
        if kind == "sparse":
            ptr, index, data = (tensors[layer[k]] for k in ("indptr", "indices", "data"))
            out = [mp.mpf(0)] * layer["shape"][0]
            for i in range(len(out)):
                for k in range(ptr[i], ptr[i + 1]):
                    out[i] += data[k] * flat[index[k]]
                if "bias" in layer:
                    out[i] += tensors[layer["bias"]][i]
            return np.array(out, dtype=object)
        if kind == "conv":
            return self.conv(layer, first)
        if kind == "gather":
            fill = real(layer.get("fill", 0))
            index = tensors[layer["index"]].ravel()
            out = [flat[i] if i >= 0 else fill for i in index]
            return np.array(out, dtype=object).reshape(layer["shape"])
        if kind == "sum":
            out = np.array([mp.mpf(0)] * first.size, dtype=object).reshape(first.shape)
            for a, scale in zip(args, layer.get("scales", [1] * len(args))):
                out = out + self.per_unit(scale, first.shape) * a.reshape(first.shape)
            return out + self.per_unit(layer.get("shift", 0), first.shape)
        if kind == "elementwise":
            return self.elementwise(layer, first)
        if kind == "product":
            return first * args[1].reshape(first.shape)
        if kind == "max":
            ptr, index = tensors[layer["ptr"]], tensors[layer["index"]]
            lists = [list(index[ptr[i] : ptr[i + 1]]) for i in range(len(ptr) - 1)]
            return self.select(layer, flat, lists, choices).reshape(layer["shape"])
        if kind == "reshape":
            return first.reshape(layer["shape"])
        if kind == "flatten":
            return flat
        if kind == "concat":
            return np.concatenate(args, axis=layer["axis"])
        if kind == "transpose":
            return first.transpose(layer["perm"])
        if kind == "slice":
            steps = layer.get("steps", [1] * first.ndim)
            return first[tuple(map(slice, layer["starts"], layer["ends"], steps))]
        if kind == "pad":
            return self.pad(layer, first)
        if kind in ("avg_pool", "max_pool"):
            return self.pool(layer, first, choices)
        if kind == "batch_norm":
            scale, shift, mean, variance = (
                self.per_unit(layer[k], first.shape) for k in ("scale", "shift", "mean", "variance")
            )
            root = np.vectorize(mp.sqrt, otypes=[object])(variance + real(layer.get("epsilon", 1e-5)))
            return scale * (first - mean) / root + shift
        raise ValueError(kind)

    def elementwise(self, layer, first):
        out = np.empty(first.shape, dtype=object)
        if layer["function"] == "prelu":
            slope = self.per_unit(layer["slope"], first.shape)
            for at in np.ndindex(first.shape):
                out[at] = first[at] if first[at] > 0 else slope[at] * first[at]
        else:
            for at in np.ndindex(first.shape):
                out[at] = FUNCTIONS[layer["function"]](first[at], layer)
        return out

    @staticmethod
    def select(layer, flat, lists, choices):
        if layer["name"] not in choices:
            chosen = []
            for candidates in lists:
                best = candidates[0]
                for c in candidates[1:]:
                    if flat[c] > flat[best]:
                        best = c
                chosen.append(best)
            choices[layer["name"]] = chosen
        return flat[choices[layer["name"]]]

    @staticmethod
    def windows(sizes, kernel, stride, padding, dilation):
        """For every window: its index and, per tap, the tap and the place (None: outside)."""
        spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
        counts = [
            (s + lo + hi - span) // st + 1
            for s, (lo, hi), span, st in zip(sizes, padding, spans, stride)
        ]
        for out in np.ndindex(*counts):
            taps = []
            for tap in np.ndindex(*kernel):
                at = [o * st - lo + t * d for o, st, (lo, _), t, d in zip(out, stride, padding, tap, dilation)]
                inside = all(0 <= a < s for a, s in zip(at, sizes))
                taps.append((tap, tuple(at) if inside else None))
            yield out, counts, taps

    def conv(self, layer, first):
        weight = self.tensors[layer["weight"]]
        co, per_group = weight.shape[:2]
        kernel, sizes = weight.shape[2:], first.shape[1:]
        rank = len(kernel)
        groups = layer.get("groups", 1)
        out = None
        for place, counts, taps in self.windows(
            sizes, kernel, layer.get("stride", [1] * rank), layer.get("padding", [[0, 0]] * rank),
            layer.get("dilation", [1] * rank),
        ):
            if out is None:
                out = np.empty((co, *counts), dtype=object)
            for o in range(co):
                total = self.tensors[layer["bias"]][o] if "bias" in layer else mp.mpf(0)
                base = o // (co // groups) * per_group
                for c, (tap, at) in itertools.product(range(per_group), taps):
                    if at is not None:
                        total = total + weight[(o, c) + tap] * first[(base + c,) + at]
                out[(o,) + place] = total
        return out

    def pool(self, layer, first, choices):
        kernel, sizes, channels = layer["kernel"], first.shape[1:], first.shape[0]
        rank = len(kernel)
        every = list(
            self.windows(
                sizes, kernel, layer.get("stride", kernel), layer.get("padding", [[0, 0]] * rank),
                layer.get("dilation", [1] * rank),
            )
        )
        counts = every[0][1]
        if layer["kind"] == "max_pool":
            number = np.arange(first.size).reshape(first.shape)
            lists = [
                [number[(c,) + at] for _, at in taps if at is not None]
                for c in range(channels)
                for _, _, taps in every
            ]
            return self.select(layer, first.ravel(), lists, choices).reshape(channels, *counts)
        out = np.empty((channels, *counts), dtype=object)
        whole = layer.get("count_include_pad", True)
        for c in range(channels):
            for place, _, taps in every:
                inside = [first[(c,) + at] for _, at in taps if at is not None]
                out[(c,) + place] = sum(inside, mp.mpf(0)) / (len(taps) if whole else len(inside))
        return out

    @staticmethod
    def pad(layer, first):
        padding, mode = layer["padding"], layer.get("mode", "constant")
        out = np.empty([lo + s + hi for s, (lo, hi) in zip(first.shape, padding)], dtype=object)
        for place in np.ndindex(out.shape):
            at, inside = [], True
            for p, (lo, _), s in zip(place, padding, first.shape):
                i = p - lo
                if mode == "circular":
                    i %= s
                elif mode == "reflect":
                    i = -i if i < 0 else i
                    i = 2 * (s - 1) - i if i >= s else i
                elif mode == "edge":
                    i = min(max(i, 0), s - 1)
                elif not 0 <= i < s:
                    inside = False
                at.append(i)
            out[place] = first[tuple(at)] if inside else real(layer.get("fill", 0))
        return out


def derivatives(network, x):
    """y [m], Jacobian [m, n] and Hessian diagonals [m, n] at x, correctly rounded."""
    f, x, choices = Evaluator(*network), array(x), {}
    y = f(x, choices)
    jacobian, diagonal = [], []
    for j in range(len(x)):
        there, back = x.copy(), x.copy()
        there[j] += STEP
        back[j] -= STEP
        up, down = f(there, choices), f(back, choices)
        jacobian.append((up - down) / (2 * STEP))
        diagonal.append((up - 2 * y + down) / STEP**2)
    # Differences of linear functions are exactly zero or rounding dust (1e-480).
    tidy = np.vectorize(lambda v: float(v) if abs(v) > mp.mpf(10) ** -320 else 0.0, otypes=[float])
    return tidy(y), tidy(np.stack(jacobian, 1)), tidy(np.stack(diagonal, 1))

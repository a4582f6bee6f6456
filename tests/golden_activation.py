"""Writes golden_activation.csv: every activation and its first two derivatives, from mpmath.

    python tests/golden_activation.py > tests/golden_activation.csv

The derivatives are numerical ones (mpmath.diff at 120 to 1500 digits, 20 kept), so they owe nothing to the
formulas in src/activation. Points are numbers of single precision and stay away from kinks and from
zeros of the derivatives. Columns: name, parameters (separated by spaces), z, value, first, second.
"""

import struct

from mpmath import mp, mpf

mp.dps = 120

SELU_SCALE = mpf(1.0507009873554805)  # the doubles of the definition
SELU_ALPHA = mpf(1.6732632423543772)


def phi(z):
    return mp.erfc(-z / mp.sqrt(2)) / 2


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


FUNCTIONS = {
    "identity": lambda z, p: z,
    "relu": lambda z, p: max(z, mpf(0)),
    "leaky_relu": lambda z, p: z if z > 0 else p * z,
    "prelu": lambda z, p: z if z > 0 else p * z,
    "elu": lambda z, p: z if z > 0 else p * mp.expm1(z),
    "selu": lambda z, p: SELU_SCALE * (z if z > 0 else SELU_ALPHA * mp.expm1(z)),
    "celu": lambda z, p: z if z > 0 else p * mp.expm1(z / p),
    "tanh": lambda z, p: mp.tanh(z),
    "sigmoid": lambda z, p: sigmoid(z),
    "softplus": lambda z, p: mp.log1p(mp.exp(z)),
    "softsign": lambda z, p: z / (1 + abs(z)),
    "gelu": lambda z, p: z * phi(z),
    "gelu_tanh": lambda z, p: z * sigmoid(2 * mp.sqrt(2 / mp.pi) * (z + mpf("0.044715") * z**3)),
    "silu": lambda z, p: z * sigmoid(z),
    # tanh(ln(1 + e)) without the logarithm
    "mish": lambda z, p: z * (1 - 2 / ((1 + mp.exp(z)) ** 2 + 1)),
    "sin": lambda z, p: mp.sin(z),
    "cos": lambda z, p: mp.cos(z),
    "tan": lambda z, p: mp.tan(z),
    "asin": lambda z, p: mp.asin(z),
    "acos": lambda z, p: mp.acos(z),
    "atan": lambda z, p: mp.atan(z),
    "sinh": lambda z, p: mp.sinh(z),
    "cosh": lambda z, p: mp.cosh(z),
    "asinh": lambda z, p: mp.asinh(z),
    "acosh": lambda z, p: mp.acosh(z),
    "atanh": lambda z, p: mp.atanh(z),
    "exp": lambda z, p: mp.exp(z),
    "log": lambda z, p: mp.log(z),
    "sqrt": lambda z, p: mp.sqrt(z),
    "square": lambda z, p: z * z,
    "powi": lambda z, p: z ** int(p),
    "powf": lambda z, p: z**p,
    "reciprocal": lambda z, p: 1 / z,
    "erf": lambda z, p: mp.erf(z),
    "abs": lambda z, p: abs(z),
    "clip": lambda z, p: min(max(z, p[0]), p[1]),
    "thresholded_relu": lambda z, p: z if z > p else mpf(0),
    "shrink": lambda z, p: z + p[1] if z < -p[0] else z - p[1] if z > p[0] else mpf(0),
}

PARAMETERS = {
    "leaky_relu": [0.01],
    "prelu": [0.25],
    "elu": [1.0, 0.7],
    "celu": [1.0, 2.5],
    "powi": [0, 1, 3, 7, -1, -3],
    "powf": [0.5, 2.0, 2.5, -1.5],
    "clip": [(0.0, 6.5), (-0.75, 0.5), (-mp.inf, 2.0), (-0.25, mp.inf)],
    "thresholded_relu": [1.0, -2.5],
    "shrink": [(0.5, 0.0), (0.75, 0.75), (0.0, -0.375)],
}

PIECEWISE_LINEAR = {"identity", "relu", "leaky_relu", "prelu", "abs", "clip", "thresholded_relu", "shrink"}
POSITIVE_ONLY = {"log", "sqrt", "powf", "acosh"}
DOMAINS = {"asin": (-1, 1), "acos": (-1, 1), "atanh": (-1, 1), "acosh": (1, mp.inf)}
DOMAINS |= {"exp": (-mp.inf, 700.5), "sinh": (-700.5, 700.5), "cosh": (-700.5, 700.5)}

MAGNITUDES = [1e-20, 1e-8, 1e-3, 0.1, 0.3, 0.6, 0.9, 1.1, 1.7, 3.0, 4.5, 6.0, 12.0, 17.0]
MAGNITUDES += [25.0, 37.0, 70.0, 300.0, 700.0, 2000.0]
NEAR_ONE = [0.99, 0.9999, 1 - 2**-24, 1 + 2**-23, 1.0001, 1.01]
LARGE = [1e5, 1e7, 1e9, 1e12, 1e18]  # the tangent is reduced in two ways
EXTRA = {"tan": LARGE, "atan": LARGE, "asinh": LARGE, "acosh": LARGE + NEAR_ONE}
EXTRA |= {"asin": NEAR_ONE, "acos": NEAR_ONE, "atanh": NEAR_ONE}


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def row(name, parameter, z):
    parameters = () if parameter is None else parameter if isinstance(parameter, tuple) else (parameter,)
    numbers = [mpf(p) for p in parameters]
    p = numbers if len(numbers) > 1 else numbers[0] if numbers else None
    function = lambda x: FUNCTIONS[name](x, p)
    x = mpf(z)
    # In a tail of 10^-300 a difference from 1 needs more digits.
    with mp.workdps(120 if abs(z) < 5 else 1500):
        numbers = [function(x), mp.diff(function, x), mp.diff(function, x, 2)]
    if name in PIECEWISE_LINEAR:
        numbers[2] = mpf(0)
    numbers = [mpf(0) if abs(v) < mpf(10) ** -330 else v for v in numbers]
    texts = [mp.nstr(v, 20, strip_zeros=True) for v in numbers]
    return ",".join([name, " ".join(map(str, parameters)), repr(z), *texts])


def main():
    print("name,parameter,z,value,first,second")
    for name in FUNCTIONS:
        for parameter in PARAMETERS.get(name, [None]):
            signs = (1,) if name in POSITIVE_ONLY else (-1, 1)
            low, high = DOMAINS.get(name, (-mp.inf, mp.inf))
            for z in sorted(sign * single(m) for sign in signs for m in MAGNITUDES + EXTRA.get(name, [])):
                if low < z < high:
                    print(row(name, parameter, z))


if __name__ == "__main__":
    main()

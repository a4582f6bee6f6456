"""Tiny ONNX models with a point and the values there, for tests of the import.

Writes operators.npz (beside this file) with, for each model NAME,
    NAME.onnx         the bytes of the model, uint8,
    NAME.x            the point: all inputs, flattened, one after the other,
    NAME.y            the outputs at x, flattened, one after the other,
    NAME.tolerance    allowed error of the values relative to the largest of them,
    NAME.dim.T        the length of the free dimension T, if there is one;
and refused.npz with the models that must not load:
    NAME.onnx         as above,
    NAME.words        what the error must contain: one text for each line, as uint8.

The models compute in double precision wherever the operator allows it.  The
values are those of onnx.reference.ReferenceEvaluator; where that evaluator has
no such version of an operator, or departs from the text of the standard, they
are computed with NumPy as noted at the model (`reference=`).

Run: python data/onnx/make_models.py
Needs: numpy, onnx
"""
import itertools
import math
import os
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = os.path.dirname(os.path.abspath(__file__))
OPSET = 18
DOUBLE, FLOAT = TensorProto.DOUBLE, TensorProto.FLOAT
EXACT, SHORT = 1e-12, 1e-5

accepted, refused = {}, {}


# ------------------------------------------------------------------ helpers

class V:
    """An input of the model; its numbers are drawn between two bounds."""

    def __init__(self, *shape, low=-1.5, high=1.5):
        self.shape, self.low, self.high = shape, low, high


class C:
    """A constant of this shape; its numbers are drawn between two bounds."""

    def __init__(self, *shape, low=-1.2, high=1.2):
        self.shape, self.low, self.high = shape, low, high


def ints(*numbers):
    return np.array(numbers, dtype=np.int64)


def flat(arrays):
    return np.concatenate([np.asarray(a, dtype=np.float64).reshape(-1) for a in arrays])


def generator(name):
    """Numbers of a model depend on its name only."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def draw(random, spec, dtype):
    return random.uniform(spec.low, spec.high, spec.shape).astype(dtype)


def save(name, model, xs, ys, tolerance, dims):
    assert f"{name}.onnx" not in accepted, name
    accepted[f"{name}.onnx"] = np.frombuffer(model.SerializeToString(deterministic=True), dtype=np.uint8)
    accepted[f"{name}.x"] = flat(xs)
    accepted[f"{name}.y"] = flat(ys)
    accepted[f"{name}.tolerance"] = np.array(tolerance)
    for dim, length in dims.items():
        accepted[f"{name}.dim.{dim}"] = np.array(length)


def graph_model(name, nodes, inputs, outputs, constants=(), opset=OPSET, dtype=np.float64, sparse=(), functions=(),
                domains=(), defaults=(), shapes=None, dims=None, reference=None, tolerance=None, check=True):
    """A model of these nodes; `inputs` are names with V, `constants` names with arrays or C.

    The constants in `defaults` are listed as inputs too, as old files have all of them."""
    random = generator(name)
    element = DOUBLE if dtype == np.float64 else FLOAT
    constants = {k: draw(random, v, dtype) if isinstance(v, C) else np.asarray(v) for k, v in dict(constants).items()}
    infos = [helper.make_tensor_value_info(k, element, (shapes or {}).get(k, list(v.shape))) for k, v in inputs.items()]
    infos += [helper.make_tensor_value_info(k, element, constants[k].shape) for k in defaults]
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]

    def build(shapes):
        results = [helper.make_tensor_value_info(o, element, s) for o, s in zip(outputs, shapes)]
        initializers = [numpy_helper.from_array(v, k) for k, v in constants.items()]
        graph = helper.make_graph(nodes, name, infos, results, initializer=initializers,
                                  sparse_initializer=list(sparse))
        return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=10)
    xs = {k: draw(random, v, dtype) for k, v in inputs.items()}
    if reference is None:
        ys = ReferenceEvaluator(build([None] * len(outputs))).run(None, xs)
    else:
        ys = reference(*xs.values(), **constants)
    ys = [np.asarray(y) for y in (ys if isinstance(ys, (list, tuple)) else [ys])]
    assert len(ys) == len(outputs) and all(np.isfinite(y).all() for y in ys), name
    model = build([y.shape for y in ys])
    if check:
        onnx.checker.check_model(model, full_check=opset >= 8)
    if tolerance is None:
        tolerance = EXACT if dtype == np.float64 else SHORT
    save(name, model, xs.values(), ys, tolerance, dims or {})


def op(name, operator, *operands, outputs=1, domain="", **rest):
    """A model of one node: V is an input, C or an array an initializer, None left out."""
    keys = ("opset", "dtype", "reference", "tolerance", "check", "shapes", "dims", "domains")
    options = {k: rest.pop(k) for k in keys if k in rest}
    inputs, constants, names = {}, {}, []
    for k, operand in enumerate(operands):
        names.append("" if operand is None else "abcdefgh"[k])
        if isinstance(operand, V):
            inputs[names[-1]] = operand
        elif operand is not None:
            constants[names[-1]] = operand
    made = [f"y{k}" for k in range(outputs)]
    node = helper.make_node(operator, names, made, name="it", domain=domain, **rest)
    graph_model(name, [node], inputs, made, constants, **options)


def N(operator, inputs, outputs, **attributes):
    """A node; names are separated by blanks, `-` is left out."""
    names = ["" if i == "-" else i for i in inputs.split()]
    return helper.make_node(operator, names, outputs.split(), **attributes)


# -------------------------------------------------------------- elementwise

def elementwise():
    plain = "Relu LeakyRelu Elu Celu Selu ThresholdedRelu Shrink Tanh Sigmoid Softplus Softsign Mish Sin Cos " \
        "Tan Atan Sinh Cosh Asinh Exp Erf Abs Neg HardSigmoid HardSwish Identity"
    # From the definitions: the reference evaluator computes some of them with 32 bits.
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    f32 = lambda v: float(np.float32(v))
    erf = np.vectorize(math.erf)
    own = {
        "Erf": erf,
        "Celu": lambda a: np.maximum(a, 0) + np.minimum(np.expm1(a), 0),
        "Shrink": lambda a: np.where(np.abs(a) > 0.5, a, 0.0),
        "Mish": lambda a: a * np.tanh(np.log1p(np.exp(a))),
        "Selu": lambda a: f32(1.05070102214813232421875)
        * np.where(a > 0, a, f32(1.67326319217681884765625) * np.expm1(a)),
        "LeakyRelu": lambda a: np.where(a > 0, a, f32(0.01) * a),
        "HardSigmoid": lambda a: np.clip(f32(0.2) * a + 0.5, 0, 1),
        "HardSwish": lambda a: a * np.clip(a / 6 + 0.5, 0, 1),
    }
    for name in plain.split():
        # Celu is for 32 bits only; the exact constants of Selu are meant where none are given.
        short = {"Celu": dict(dtype=np.float32), "Selu": dict(tolerance=1e-7)}.get(name, {})
        op(f"function_{name}", name, V(2, 3, low=-3, high=3), opset=22, reference=own.get(name), **short)
    for name in "Log Sqrt Reciprocal".split():
        op(f"function_{name}", name, V(5, low=0.2, high=3))
    for name in "Asin Acos Atanh".split():
        op(f"function_{name}", name, V(5, low=-0.9, high=0.9))
    op("function_Acosh", "Acosh", V(5, low=1.2, high=3))
    op("LeakyRelu_alpha", "LeakyRelu", V(6), alpha=0.25)
    op("Elu_alpha", "Elu", V(6), alpha=0.5)
    op("Celu_alpha", "Celu", V(6), alpha=0.5, dtype=np.float32)
    op("Selu_both", "Selu", V(6), alpha=1.5, gamma=0.5)
    op("ThresholdedRelu_alpha", "ThresholdedRelu", V(8), alpha=0.5)
    op("Shrink_both", "Shrink", V(8), lambd=0.75, bias=0.25)
    op("HardSigmoid_both", "HardSigmoid", V(8, low=-3, high=3), alpha=0.5, beta=0.25)
    op("Gelu_none", "Gelu", V(6), opset=20, reference=lambda a: a / 2 * (1 + erf(a / 2**0.5)))
    op("Gelu_tanh", "Gelu", V(6), opset=20, approximate="tanh",
       reference=lambda a: a / 2 * (1 + np.tanh((2 / np.pi)**0.5 * (a + 0.044715 * a**3))))
    op("Swish_default", "Swish", V(6), opset=24, reference=lambda a: a * sigmoid(a))
    op("Swish_alpha", "Swish", V(6), opset=24, alpha=1.5, reference=lambda a: a * sigmoid(1.5 * a))
    op("PRelu_channels", "PRelu", V(1, 3, 2, 2), C(3, 1, 1))
    op("PRelu_one", "PRelu", V(2, 3), C(1))
    op("PRelu_each", "PRelu", V(2, 3), C(2, 3))
    op("PRelu_last_axis", "PRelu", V(2, 3), C(3))
    op("Clip_both", "Clip", V(8, low=-2, high=2), np.array(-0.5), np.array(0.7))
    op("Clip_low", "Clip", V(8, low=-2, high=2), np.array(-0.5))
    op("Clip_high", "Clip", V(8, low=-2, high=2), None, np.array(0.5))
    op("Clip_nothing", "Clip", V(4))
    op("Clip_6_both", "Clip", V(8, low=-2, high=2), opset=7, min=-0.5, max=0.75)
    op("Clip_6_high", "Clip", V(8, low=-2, high=2), opset=10, max=0.75)
    op("Clip_crossed", "Clip", V(4), np.array(0.5), np.array(-0.5))
    op("Cast_float", "Cast", V(5), to=FLOAT, dtype=np.float64, reference=lambda a: a, check=False)
    op("CastLike", "CastLike", V(5), C(2))
    op("Dropout_6", "Dropout", V(5), ratio=0.5, opset=7, reference=lambda a: a)
    op("Dropout_13", "Dropout", V(5), np.array(0.5), opset=13, reference=lambda a, **_: a)
    op("Dropout_13_false", "Dropout", V(5), np.array(0.5), np.array(False), opset=13)


# --------------------------------------------------------------- arithmetic

def arithmetic():
    shapes = {
        "same": ((2, 3), (2, 3)), "row": ((2, 3), (3,)), "column": ((2, 3), (2, 1)), "both": ((2, 1, 3), (4, 1)),
        "scalar": ((2, 3), ()), "one": ((2, 3), (1,)), "channels": ((1, 3, 2, 2), (3, 1, 1)),
        "samples": ((2, 3, 2, 2), (3, 1, 1)), "left_smaller": ((3,), (2, 3)), "left_grows": ((1, 3), (4, 2, 1)),
        "rank": ((3,), (1, 1, 3)), "from_one": ((1,), (2, 3)),
    }
    for operator in "Add Sub Mul Div".split():
        # Divisors stay away from zero.
        low = 0.5 if operator == "Div" else -1.5
        for key, (a, b) in shapes.items():
            op(f"{operator}_{key}_vv", operator, V(*a), V(*b, low=low))
            op(f"{operator}_{key}_vc", operator, V(*a), C(*b, low=low))
            op(f"{operator}_{key}_cv", operator, C(*a), V(*b, low=low))
    for operator in "Sum Mean Max Min".split():
        op(f"{operator}_three", operator, V(2, 3), V(3), C(2, 1))
        op(f"{operator}_single", operator, V(2, 3))
        # The mean of tensors of which the first is the smaller one fails in the reference evaluator.
        mean = dict(reference=lambda x, **c: (x + next(iter(c.values()))) / 2) if operator == "Mean" else {}
        op(f"{operator}_grows", operator, V(3), C(2, 1), **mean)
        op(f"{operator}_constant_first", operator, C(2, 1), V(3), **mean)
    op("Max_constant", "Max", V(5), np.array([0.25]))
    op("Pow_square", "Pow", V(4), np.array(2.0))
    op("Pow_cube", "Pow", V(4), np.array([3.0]))
    op("Pow_root", "Pow", V(4, low=0.3), np.array(0.5))
    op("Pow_zero", "Pow", V(4), np.array(0.0))
    op("Pow_one", "Pow", V(4), np.array(1.0))
    op("Pow_minus_one", "Pow", V(4, low=0.3), np.array(-1.0))
    op("Pow_minus_three", "Pow", V(4, low=-1.5, high=-0.4), np.array(-3.0))
    op("Pow_real", "Pow", V(4, low=0.3), np.array(1.7))
    op("Pow_integer_exponent", "Pow", V(4), np.array(3, dtype=np.int64))
    op("Pow_equal_grows", "Pow", V(3), np.full((2, 1), 2.0))
    op("Pow_each", "Pow", V(2, 3, low=0.3), np.array([[2.0, 0.5, 3.0], [1.0, -1.0, 0.0]]))
    op("Pow_each_grows", "Pow", V(3, low=0.3), np.array([[2.0], [1.5]]))
    op("Pow_transposed_base", "Pow", V(3, 1, low=0.3), np.array([2.0, 3.0]))
    op("Pow_constant_base", "Pow", np.array(2.0), V(4))
    op("Pow_constant_bases", "Pow", np.array([[2.0], [0.5]]), V(3))
    op("Pow_constant_base_one", "Pow", np.array([1.0, 2.0]), V(2))
    op("Pow_both", "Pow", V(2, 3, low=0.3), V(3))
    op("Where_vv", "Where", np.array([[True], [False]]), V(2, 3), V(3))
    op("Where_vc", "Where", np.array([True, False, True]), V(2, 3), C(2, 1))
    op("Where_cv", "Where", np.array([True, False, True]), np.array(-5.0), V(2, 3))
    op("Where_grows", "Where", np.array([[True], [False]]), V(3), np.array(0.0))
    for operator in "Greater Less GreaterOrEqual LessOrEqual Equal".split():
        graph_model(f"{operator}_where", [N(operator, "x z", "c"), N("Where", "c x z", "y")],
                    {"x": V(2, 3), "z": V(3)}, ["y"], opset=19)
        graph_model(f"{operator}_constant", [N(operator, "c x", "b"), N("Cast", "b", "f", to=DOUBLE),
                                             N("Mul", "f x", "p"), N("Sin", "p", "y")],
                    {"x": V(2, 4)}, ["y"], {"c": C(4)}, opset=19)
    for operator in "And Or Xor".split():
        graph_model(f"{operator}_of_comparisons", [
            N("Greater", "x z", "a"), N("Less", "x c", "b"), N(operator, "a b", "d"), N("Not", "d", "e"),
            N("Where", "e x z", "y")], {"x": V(3, 4), "z": V(4)}, ["y"], {"c": np.array(0.2)})
        graph_model(f"{operator}_with_constant", [
            N("Greater", "x z", "a"), N(operator, "b a", "d"), N("Where", "d x low", "y")],
            {"x": V(3, 4), "z": V(4)}, ["y"], {"b": np.array([True, False, True, False]), "low": np.array(-5.0)})
    op("Sign", "Sign", V(5))
    graph_model("Sign_by_absolute", [N("Sign", "x", "s"), N("Abs", "x", "a"), N("Sqrt", "a", "r"), N("Mul", "s r", "y")],
                {"x": V(5)}, ["y"])
    graph_model("Piecewise", [N("Greater", "x t", "c"), N("Mul", "x x", "q"), N("Tanh", "x", "h"),
                              N("Where", "c q h", "y")], {"x": V(2, 5)}, ["y"], {"t": np.array(0.1)})
    infinite = np.triu(np.full((3, 3), -np.inf), 1)
    graph_model("Infinite_mask_added", [N("Add", "x m", "z"), N("Softmax", "z", "p"), N("MatMul", "p x", "y")],
                {"x": V(3, 3)}, ["y"], {"m": infinite})
    graph_model("Infinite_mask_chosen", [N("Where", "m x low", "z"), N("Softmax", "z", "p"), N("MatMul", "p x", "y")],
                {"x": V(3, 3)}, ["y"], {"m": infinite == 0.0, "low": np.array(-np.inf)})
    graph_model("Safe_softmax", [N("Add", "x m", "z"), N("Softmax", "z", "p"), N("IsNaN", "p", "b"),
                                 N("Where", "b zero p", "y")],
                {"x": V(3, 3)}, ["y"], {"m": infinite, "zero": np.array(0.0)})
    # One tensor as both operands.
    for operator in "Add Sub Mul Div Max".split():
        graph_model(f"{operator}_with_itself", [N(operator, "x x", "y")], {"x": V(3, low=0.2)}, ["y"])
    graph_model("Mul_with_its_transpose", [N("Transpose", "x", "t"), N("Mul", "x t", "y")], {"x": V(3, 3)}, ["y"])
    graph_model("Add_two_transposes", [N("Transpose", "x", "t"), N("Transpose", "z", "u"), N("Mul", "t u", "p"),
                                       N("Add", "p c", "y")], {"x": V(2, 3), "z": V(2, 3)}, ["y"], {"c": C(3, 2)})
    graph_model("Mul_transposed_scale", [N("Transpose", "x", "t"), N("Mul", "t c", "p"), N("Sigmoid", "p", "y")],
                {"x": V(2, 3)}, ["y"], {"c": C(2)})
    graph_model("Affine_chain", [N("Mul", "x c", "p"), N("Add", "p d", "q"), N("Mul", "q e", "r"), N("Sub", "f r", "s"),
                                 N("Div", "s g", "y")], {"x": V(1, 2, 3, 2)}, ["y"],
                {"c": C(2, 1, 1), "d": C(2), "e": C(3, 1), "f": C(), "g": C(1, 2, 3, 2, low=0.5)})
    graph_model("Affine_read_twice", [N("Gemm", "x w", "p"), N("Add", "p c", "q"), N("Mul", "p q", "y")],
                {"x": V(1, 3)}, ["y"], {"w": C(3, 4), "c": C(4)})


# ------------------------------------------------------------ matrix products

def products():
    for ta in (0, 1):
        for tb in (0, 1):
            a, b = ((3, 2) if ta else (2, 3)), ((4, 3) if tb else (3, 4))
            key = f"{ta}{tb}"
            op(f"Gemm_{key}_vc", "Gemm", V(*a), C(*b), C(4), transA=ta, transB=tb)
            op(f"Gemm_{key}_cv", "Gemm", C(*a), V(*b), C(2, 1), transA=ta, transB=tb)
            op(f"Gemm_{key}_vv", "Gemm", V(*a), V(*b), C(2, 4), transA=ta, transB=tb, alpha=0.5, beta=2.0)
    summands = {"row": (4,), "row2": (1, 4), "column": (2, 1), "full": (2, 4), "scalar": (), "one": (1,)}
    for key, shape in summands.items():
        op(f"Gemm_c_{key}", "Gemm", V(2, 3), C(3, 4), C(*shape), alpha=0.5, beta=0.25)
        op(f"Gemm_c_{key}_variable", "Gemm", V(2, 3), C(3, 4), V(*shape), alpha=0.5, beta=0.25)
    op("Gemm_no_c", "Gemm", V(1, 3), C(3, 4), alpha=0.5)
    op("Gemm_beta_zero", "Gemm", V(1, 3), C(3, 4), C(4), beta=0.0)
    op("Gemm_mostly_zeros", "Gemm", V(2, 3), np.array([[1.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 3]]), C(4))
    shapes = {
        "plain": ((2, 3), (3, 4)), "one_row": ((1, 3), (3, 4)), "vector_left": ((3,), (3, 4)),
        "vector_right": ((2, 3), (3,)), "vectors": ((3,), (3,)), "batched": ((2, 2, 3), (2, 3, 4)),
        "batch_left": ((2, 2, 3), (3, 4)), "batch_right": ((2, 3), (2, 3, 4)), "broadcast": ((2, 1, 2, 3), (3, 3, 2)),
        "one_batch_left": ((1, 2, 3), (2, 3, 2)), "one_batch_right": ((2, 2, 3), (1, 3, 2)),
        "higher_right": ((2, 3), (1, 1, 3, 2)), "vector_batched": ((3,), (2, 3, 4)),
        "batched_vector": ((2, 4, 3), (3,)), "column": ((2, 3), (3, 1)), "outer": ((3, 1), (1, 2)), "images":
        ((1, 2, 3, 4), (4, 2)),
    }
    for key, (a, b) in shapes.items():
        op(f"MatMul_{key}_vc", "MatMul", V(*a), C(*b))
        op(f"MatMul_{key}_cv", "MatMul", C(*a), V(*b))
        op(f"MatMul_{key}_vv", "MatMul", V(*a), V(*b))
    graph_model("MatMul_gram", [N("Transpose", "x", "t", perm=[1, 0]), N("MatMul", "t x", "y")], {"x": V(3, 2)}, ["y"])
    for equation, a, b in [
        ("ij,jk->ik", (2, 3), (3, 4)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("ij,kj->ki", (2, 3), (4, 3)),
        ("i,j->ij", (2,), (3,)), ("i,i->", (3,), (3,)), ("bij,bkj->bik", (2, 2, 3), (2, 4, 3)),
        ("bhqd,bhkd->bhqk", (1, 2, 3, 2), (1, 2, 3, 2)), ("ij,jk", (2, 3), (3, 4)), ("ba,ca", (2, 3), (4, 3)),
        ("ijk,ijl->kl", (2, 3, 2), (2, 3, 4)), ("ij,jkl->lik", (2, 3), (3, 2, 2)), ("ij,ij->i", (2, 3), (2, 3)),
        ("ij,k->ik", (2, 3), (4,)), ("ijk,jk->i", (2, 3, 2), (3, 2)), ("ij,j->ij", (2, 3), (3,)),
    ]:
        key = equation.replace(",", "_").replace("->", "_to_")
        op(f"Einsum_{key}_vv", "Einsum", V(*a), V(*b), equation=equation)
        op(f"Einsum_{key}_vc", "Einsum", V(*a), C(*b), equation=equation)
        op(f"Einsum_{key}_cv", "Einsum", C(*a), V(*b), equation=equation)
    for equation, a in [("ij->ji", (2, 3)), ("ij->i", (2, 3)), ("ij->", (2, 3)), ("ijk->kj", (2, 3, 2)),
                        ("ba", (2, 3))]:
        key = equation.replace("->", "_to_")
        op(f"Einsum_{key}", "Einsum", V(*a), equation=equation)
    op("Einsum_ellipsis_vv", "Einsum", V(2, 2, 3), V(3, 2), equation="...ij,jk->...ik")
    op("Einsum_ellipsis_vc", "Einsum", V(2, 2, 3), C(3, 2), equation="...ij,jk->...ik")
    op("Einsum_ellipsis_both", "Einsum", V(2, 1, 2, 3), V(1, 3, 3, 2), equation="...ij,...jk->...ik")
    op("Einsum_ellipsis_implicit", "Einsum", V(2, 2, 3), V(3, 2), equation="...ij,jk")
    op("Einsum_ellipsis_between", "Einsum", V(2, 4, 2, 3), C(3, 2), equation="b...d,dk->kb...")
    op("Einsum_ellipsis_alone", "Einsum", V(2, 3), V(2, 3), equation="...,...->...")
    op("Einsum_diagonal", "Einsum", V(3, 3), equation="ii->i")
    op("Einsum_trace", "Einsum", V(3, 3), equation="ii")
    op("Einsum_inner_diagonal", "Einsum", V(2, 3, 2, 3), C(4, 2), equation="aibi,kb->kai")
    op("Einsum_outer_diagonal", "Einsum", V(3, 2, 3), V(3), equation="iji,i->j")
    op("Einsum_three", "Einsum", V(2, 3), C(3, 2), V(2, 2), equation="ij,jk,kl->il")
    op("Einsum_bilinear", "Einsum", V(2, 3), C(4, 3, 2), V(2, 2), equation="bi,oij,bj->bo")
    op("Einsum_blanks", "Einsum", V(2, 3), C(3, 4), equation=" i j , j k -> i k ")
    for exclusive in (0, 1):
        for reverse in (0, 1):
            op(f"CumSum_{exclusive}{reverse}", "CumSum", V(2, 4), np.array(1), exclusive=exclusive, reverse=reverse)
    op("CumSum_first_axis", "CumSum", V(3, 2), np.array(0))
    op("CumSum_negative_axis", "CumSum", V(2, 3, 2), np.array(-2, dtype=np.int32))


# ------------------------------------------------------------- convolutions

def convolutions():
    op("Conv_1d", "Conv", V(1, 2, 7), C(3, 2, 3), C(3))
    op("Conv_1d_pads", "Conv", V(1, 2, 7), C(3, 2, 3), pads=[2, 1], strides=[2])
    op("Conv_1d_dilation", "Conv", V(1, 2, 9), C(3, 2, 3), dilations=[2], pads=[4, 0])
    op("Conv_2d", "Conv", V(1, 2, 5, 4), C(3, 2, 3, 2), C(3), pads=[1, 0, 2, 1])
    op("Conv_2d_kernel_shape", "Conv", V(1, 2, 5, 4), C(3, 2, 3, 2), C(3), kernel_shape=[3, 2])
    op("Conv_2d_strides", "Conv", V(1, 1, 6, 7), C(2, 1, 2, 3), strides=[2, 3])
    op("Conv_2d_groups", "Conv", V(1, 4, 4, 4), C(6, 2, 3, 3), C(6), group=2, pads=[1, 1, 1, 1])
    op("Conv_2d_depthwise", "Conv", V(1, 3, 4, 4), C(6, 1, 2, 2), group=3)
    op("Conv_2d_samples", "Conv", V(2, 2, 4, 3), C(3, 2, 2, 2), C(3))
    op("Conv_2d_samples_groups", "Conv", V(2, 4, 3, 3), C(4, 2, 2, 2), C(4), group=2)
    op("Conv_2d_dilations", "Conv", V(1, 2, 6, 6), C(2, 2, 2, 3), dilations=[3, 2], strides=[1, 2])
    op("Conv_3d", "Conv", V(1, 2, 3, 4, 3), C(2, 2, 2, 2, 2), C(2), pads=[1, 0, 0, 0, 1, 1], strides=[1, 2, 1])
    op("Conv_3d_samples", "Conv", V(2, 1, 3, 3, 3), C(2, 1, 2, 2, 2))
    op("Conv_one_tap", "Conv", V(1, 2, 3, 3), C(4, 2, 1, 1), C(4))
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        for stride in (1, 2, 3):
            op(f"Conv_{auto}_{stride}", "Conv", V(1, 1, 5, 6), C(2, 1, 4, 2), auto_pad=auto, strides=[stride] * 2)
    op("Conv_square_operand", "Conv", V(1, 3, 3), C(2, 3, 1))
    graph_model("Conv_after_transpose", [N("Transpose", "x", "t", perm=[0, 2, 1]), N("Conv", "t w b", "y")],
                {"x": V(1, 5, 2)}, ["y"], {"w": C(3, 2, 2), "b": C(3)})
    graph_model("Conv_bias_added", [N("Conv", "x w", "c"), N("Add", "c b", "d"), N("Mul", "d s", "y")],
                {"x": V(1, 2, 4, 4)}, ["y"], {"w": C(3, 2, 2, 2), "b": C(3, 1, 1), "s": C(1, 3, 1, 1)})

    for key, x, w, b, attributes in [
        ("1d", (1, 2, 4), (2, 3, 3), 3, {}), ("1d_strides", (1, 2, 4), (2, 3, 3), 3, dict(strides=[2])),
        ("1d_pads", (1, 2, 5), (2, 3, 3), None, dict(strides=[2], pads=[1, 0])),
        ("2d", (1, 2, 3, 2), (2, 3, 2, 3), 3, dict(strides=[2, 3], pads=[1, 0, 0, 2])),
        ("2d_groups", (1, 4, 2, 3), (4, 3, 2, 2), 6, dict(group=2, strides=[2, 1])),
        ("2d_depthwise", (1, 3, 2, 2), (3, 1, 2, 2), None, dict(group=3)),
        ("2d_output_padding", (1, 2, 3, 3), (2, 2, 3, 3), 2, dict(strides=[2, 3], pads=[1, 1, 1, 1],
                                                                 output_padding=[1, 2])),
        ("2d_dilations", (1, 2, 3, 3), (2, 2, 2, 3), None, dict(dilations=[3, 2], strides=[2, 1])),
        ("2d_samples", (2, 2, 3, 2), (2, 3, 2, 2), 3, dict(strides=[2, 2])),
        ("2d_samples_groups", (2, 4, 2, 2), (4, 1, 2, 2), 2, dict(group=2, strides=[2, 2])),
        ("3d", (1, 2, 2, 2, 2), (2, 1, 2, 2, 2), 1, dict(strides=[2, 1, 2])),
        ("gaps", (1, 1, 3), (1, 2, 2), None, dict(strides=[4])),
        ("large_pads", (1, 1, 5), (1, 2, 3), None, dict(pads=[3, 3])),
        ("output_shape", (1, 1, 3, 3), (1, 2, 3, 3), None, dict(strides=[3, 2], output_shape=[10, 8])),
        ("output_shape_less", (1, 1, 3, 3), (1, 2, 3, 3), None, dict(strides=[3, 2], output_shape=[8, 6])),
        ("output_shape_upper", (1, 1, 3, 3), (1, 2, 3, 3), None,
         dict(strides=[3, 2], output_shape=[8, 6], auto_pad="SAME_UPPER")),
        ("output_shape_lower", (1, 1, 3, 3), (1, 2, 3, 3), None,
         dict(strides=[3, 2], output_shape=[8, 6], auto_pad="SAME_LOWER")),
        ("SAME_UPPER", (1, 1, 3, 3), (1, 2, 3, 3), None, dict(strides=[2, 2], auto_pad="SAME_UPPER")),
        ("SAME_LOWER", (1, 1, 3, 3), (1, 2, 3, 3), None, dict(strides=[2, 2], auto_pad="SAME_LOWER")),
        ("VALID", (1, 1, 3, 3), (1, 2, 3, 3), None, dict(strides=[2, 2], auto_pad="VALID")),
        ("SAME_kernel_below_stride", (1, 1, 3), (1, 2, 2), None, dict(strides=[3], auto_pad="SAME_UPPER")),
        ("SAME_UPPER_output_padding", (1, 1, 4), (1, 2, 3), None,
         dict(strides=[2], auto_pad="SAME_UPPER", output_padding=[1])),
    ]:
        def reference(a, b, c=None, attributes=attributes):
            return conv_transpose(a, b, c, **attributes)
        operands = [V(*x), C(*w)] + ([C(b)] if b else [])
        # The checker's own shapes differ from the standard's text for some paddings.
        op(f"ConvTranspose_{key}", "ConvTranspose", *operands, reference=reference, check="SAME" not in key,
           **attributes)


def conv_transpose(x, w, bias=None, strides=None, pads=None, dilations=None, group=1, output_padding=None,
                   output_shape=None, auto_pad="NOTSET"):
    """By the definition: every entry spreads the kernel.  The reference evaluator fails on groups and on some
    output shapes; it agrees on the rest."""
    rank = x.ndim - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    extra, pads = output_padding or [0] * rank, pads or [0] * 2 * rank
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations)]
    full = [s * (n - 1) + e + r for s, n, e, r in zip(strides, x.shape[2:], extra, reach)]
    if output_shape is None and auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        output_shape = [n * s for n, s in zip(x.shape[2:], strides)]
    if output_shape is not None:
        full = [max(f, o) for f, o in zip(full, output_shape)]
        total = [f - o for f, o in zip(full, output_shape)]
        low = [t // 2 if auto_pad == "SAME_UPPER" else t - t // 2 for t in total]
        pads = low + [t - l for t, l in zip(total, low)]
    each = w.shape[1]
    wide = np.zeros((x.shape[0], each * group, *full), dtype=x.dtype)
    per = x.shape[1] // group
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            for at in np.ndindex(*x.shape[2:]):
                for tap in np.ndindex(*w.shape[2:]):
                    to = tuple(i * s + t * d for i, s, t, d in zip(at, strides, tap, dilations))
                    g = c // per
                    wide[(n, slice(g * each, (g + 1) * each)) + to] += x[(n, c) + at] * w[(c, slice(None)) + tap]
    cut = tuple(slice(pads[a], full[a] - pads[rank + a]) for a in range(rank))
    y = wide[(slice(None), slice(None)) + cut]
    return y if bias is None else y + bias.reshape(-1, *[1] * rank)


def reference_of(operator, arrays, opset=OPSET, outputs=1, **attributes):
    """What the reference evaluator makes of a node."""
    names = ["abcdefgh"[k] for k in range(len(arrays))]
    node = helper.make_node(operator, names, [f"y{k}" for k in range(outputs)], **attributes)
    types = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
             for n, a in zip(names, arrays)]
    graph = helper.make_graph([node], "g", types, [helper.make_tensor_value_info(o, DOUBLE, None) for o in node.output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return ReferenceEvaluator(model).run(None, dict(zip(names, arrays)))


# ----------------------------------------------------------- normalizations

def normalizations():
    small = float(np.float32(1e-5))
    column = lambda c, rank: c.reshape(-1, *[1] * (rank - 2))
    batch = lambda *shape: (V(*shape), C(3, low=0.5), C(3), C(3), C(3, low=0.3, high=2))
    for key, shape in {"2": (2, 3), "3": (1, 3, 4), "4": (2, 3, 2, 2)}.items():
        op(f"BatchNormalization_{key}", "BatchNormalization", *batch(*shape), epsilon=0.01)
    op("BatchNormalization_9", "BatchNormalization", *batch(1, 3, 2, 2), opset=9,
       reference=lambda x, b, c, d, e: column(b / np.sqrt(e + small), 4) * (x - column(d, 4)) + column(c, 4))

    def standardized(x, axes, epsilon):
        centered = x - x.mean(axis=axes, keepdims=True)
        return centered / np.sqrt((centered**2).mean(axis=axes, keepdims=True) + epsilon)
    for key, shape in {"3": (1, 2, 5), "4": (2, 2, 3, 2)}.items():
        op(f"InstanceNormalization_{key}", "InstanceNormalization", V(*shape), C(2), C(2),
           reference=lambda a, b, c: column(b, a.ndim) * standardized(a, tuple(range(2, a.ndim)), small)
           + column(c, a.ndim))

    def group(a, b, c, groups):
        normal = standardized(a.reshape(a.shape[0], groups, -1), 2, small).reshape(a.shape)
        if b.size != a.shape[1]:
            b, c = np.repeat(b, a.shape[1] // groups), np.repeat(c, a.shape[1] // groups)
        return column(b, a.ndim) * normal + column(c, a.ndim)
    for groups in (1, 2, 4):
        reference = lambda a, b, c, groups=groups: group(a, b, c, groups)
        op(f"GroupNormalization_21_{groups}", "GroupNormalization", V(2, 4, 2, 2), C(4), C(4), opset=21,
           num_groups=groups, reference=reference)
        op(f"GroupNormalization_18_{groups}", "GroupNormalization", V(1, 4, 3), C(groups), C(groups), opset=18,
           num_groups=groups, reference=reference, check=False)
    for axis in (-1, 1, 0, -2):
        shape = (2, 3, 2)
        rest = shape[axis:]
        over = tuple(range(axis % 3, 3))
        op(f"LayerNormalization_{axis}", "LayerNormalization", V(*shape), C(*rest), C(*rest), axis=axis,
           epsilon=0.015625, reference=lambda a, b, c, over=over: standardized(a, over, 0.015625) * b + c)
        op(f"RMSNormalization_{axis}", "RMSNormalization", V(*shape), C(*rest), axis=axis, opset=23,
           reference=lambda a, b, over=over: a / np.sqrt((a**2).mean(axis=over, keepdims=True) + small) * b)
    op("LayerNormalization_no_shift", "LayerNormalization", V(2, 4), C(4),
       reference=lambda a, b: standardized(a, (-1,), small) * b)
    for p, axis in ((1, 1), (2, -1), (2, 0)):
        op(f"LpNormalization_{p}_{axis}", "LpNormalization", V(2, 3), p=p, axis=axis, opset=22,
           reference=lambda a, p=p, axis=axis: a / np.linalg.norm(a, ord=p, axis=axis, keepdims=True))

    # The reference evaluator takes the axis of old operator sets for one of the new.
    def softmax(a, axes):
        powers = np.exp(a - a.max(axis=axes, keepdims=True))
        return powers / powers.sum(axis=axes, keepdims=True)
    for operator in ("Softmax", "LogSoftmax"):
        f = (lambda v: v) if operator == "Softmax" else np.log
        for axis in (-1, 0, 1):
            op(f"{operator}_13_{axis}", operator, V(2, 3, 2), axis=axis, opset=13)
            over = tuple(range(axis % 3, 3))
            op(f"{operator}_11_{axis}", operator, V(2, 3, 2), axis=axis, opset=11,
               reference=lambda a, over=over, f=f: f(softmax(a, over)))
        op(f"{operator}_13", operator, V(2, 3), opset=13)
        op(f"{operator}_11", operator, V(2, 3), opset=11)
        op(f"{operator}_11_default_of_three", operator, V(2, 2, 2), opset=11,
           reference=lambda a, f=f: f(softmax(a, (1, 2))))


# --------------------------------------------------------------- reductions

def reductions():
    for name in "Sum Mean Max Min Prod L1 L2 SumSquare LogSum LogSumExp".split():
        operator = f"Reduce{name}"
        low = 0.2 if name == "LogSum" else -1.5
        x = lambda: V(2, 3, 2, low=low)
        for keep in (0, 1):
            for key, axes in {"1": [1], "m1": [-1], "02": [0, 2], "20": [2, 0], "all": [0, 1, 2]}.items():
                op(f"{operator}_11_{key}_{keep}", operator, x(), opset=11, axes=axes, keepdims=keep)
                op(f"{operator}_18_{key}_{keep}", operator, x(), ints(*axes), opset=18, keepdims=keep)
            op(f"{operator}_11_none_{keep}", operator, x(), opset=11, keepdims=keep)
            op(f"{operator}_18_none_{keep}", operator, x(), opset=18, keepdims=keep)
        op(f"{operator}_18_noop", operator, V(2, 3, low=0.2), opset=18, noop_with_empty_axes=1,
           # Nothing is reduced, but the function of the entries is still applied.
           reference={"L1": np.abs, "L2": np.abs, "SumSquare": np.square, "LogSum": np.log}.get(name, lambda a: a))
        op(f"{operator}_axis_of_one", operator, V(2, 1, 2, low=low), ints(1))
        graph_model(f"{operator}_transposed", [N("Transpose", "x", "t"), N(operator, "t a", "y", keepdims=0)],
                    {"x": V(2, 3, low=low)}, ["y"], {"a": ints(0)})
    op("ReduceProd_of_five", "ReduceProd", V(5), ints(0))


# -------------------------------------------------------------------- pools

def pools():
    def pooled(x, mean, kernel, strides=None, pads=None, dilations=None, ceil_mode=0, count_include_pad=0,
               auto_pad="NOTSET"):
        """By the definition, window by window; the reference evaluator is right but for SAME_LOWER of MaxPool."""
        rank = len(kernel)
        strides, dilations = strides or [1] * rank, dilations or [1] * rank
        pads = list(pads or [0] * 2 * rank)
        sizes = []
        for a in range(rank):
            n, reach = x.shape[2 + a], (kernel[a] - 1) * dilations[a] + 1
            if auto_pad.startswith("SAME"):
                total = max((-(-n // strides[a]) - 1) * strides[a] + reach - n, 0)
                pads[a] = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
                pads[rank + a] = total - pads[a]
            room = n + pads[a] + pads[rank + a] - reach
            count = (-(-room // strides[a]) if ceil_mode else room // strides[a]) + 1
            # A window that would begin behind the padded start and the entries is left out.
            if ceil_mode and (count - 1) * strides[a] >= n + pads[a]:
                count -= 1
            sizes.append(count)
        y = np.zeros(x.shape[:2] + tuple(sizes))
        for at in np.ndindex(*sizes):
            taken, counted = [], 0
            for tap in np.ndindex(*kernel):
                place = [i * s + t * d - p for i, s, t, d, p in zip(at, strides, tap, dilations, pads)]
                inside = all(0 <= p < n for p, n in zip(place, x.shape[2:]))
                # Padding counts, what the ceiling adds behind it does not.
                padded = all(p < n + e for p, n, e in zip(place, x.shape[2:], pads[rank:]))
                counted += inside or (count_include_pad and padded)
                if inside:
                    taken.append(x[(slice(None), slice(None)) + tuple(place)])
            y[(slice(None), slice(None)) + at] = sum(taken) / counted if mean else np.max(taken, axis=0)
        return y
    for key, shape, attributes in [
        ("1d", (1, 2, 7), dict(kernel_shape=[3])),
        ("1d_strides", (2, 2, 8), dict(kernel_shape=[3], strides=[2], pads=[1, 1])),
        ("2d", (1, 2, 4, 5), dict(kernel_shape=[2, 3])),
        ("2d_pads", (1, 1, 4, 5), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 2, 1])),
        ("2d_dilations", (1, 1, 6, 5), dict(kernel_shape=[2, 3], dilations=[3, 2], pads=[1, 1, 0, 0])),
        ("2d_samples", (2, 2, 4, 4), dict(kernel_shape=[2, 2], strides=[2, 2])),
        ("ceil", (1, 1, 6, 7), dict(kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)),
        ("ceil_pads", (1, 1, 6, 7), dict(kernel_shape=[3, 3], strides=[2, 3], pads=[1, 1, 1, 1], ceil_mode=1)),
        ("ceil_left_out", (1, 1, 2), dict(kernel_shape=[1], strides=[2], pads=[0, 0], ceil_mode=1)),
        ("ceil_begins_in_padding", (1, 1, 5), dict(kernel_shape=[2], strides=[3], pads=[1, 1], ceil_mode=1)),
        ("3d", (1, 1, 3, 4, 3), dict(kernel_shape=[2, 2, 2], strides=[1, 2, 1])),
        ("SAME_UPPER", (1, 1, 5, 6), dict(kernel_shape=[2, 4], strides=[2, 3], auto_pad="SAME_UPPER")),
        ("SAME_LOWER", (1, 1, 5, 6), dict(kernel_shape=[2, 4], strides=[2, 3], auto_pad="SAME_LOWER")),
        ("VALID", (1, 1, 5, 6), dict(kernel_shape=[2, 4], auto_pad="VALID")),
    ]:
        for mean, operator in ((False, "MaxPool"), (True, "AveragePool")):
            def reference(a, mean=mean, attributes=attributes):
                given = dict(attributes)
                return pooled(a, mean, given.pop("kernel_shape"), **given)
            op(f"{operator}_{key}", operator, V(*shape), opset=22, reference=reference, **attributes)
        if "pads" in attributes and "ceil_mode" not in attributes:
            def reference(a, attributes=attributes):
                given = dict(attributes)
                return pooled(a, True, given.pop("kernel_shape"), count_include_pad=1, **given)
            op(f"AveragePool_{key}_counted", "AveragePool", V(*shape), opset=22, count_include_pad=1,
               reference=reference, **attributes)
    for operator in ("GlobalMaxPool", "GlobalAveragePool"):
        for key, shape in {"1d": (1, 2, 4), "2d": (2, 3, 2, 3), "3d": (1, 2, 2, 2, 2)}.items():
            best = np.max if operator == "GlobalMaxPool" else np.mean
            op(f"{operator}_{key}", operator, V(*shape),
               reference=lambda a, best=best: best(a, axis=tuple(range(2, a.ndim)), keepdims=True))


# ------------------------------------------------------------------- shapes

def shapes():
    op("Reshape_plain", "Reshape", V(2, 6), ints(3, 4))
    op("Reshape_free", "Reshape", V(2, 6), ints(-1, 4))
    op("Reshape_zero", "Reshape", V(2, 6), ints(0, 3, 2))
    op("Reshape_zero_free", "Reshape", V(2, 3, 2), ints(0, -1))
    op("Reshape_scalar", "Reshape", V(1, 1), np.zeros(0, dtype=np.int64))
    for axis in (0, 1, 2, 3, -1, -2):
        op(f"Flatten_{axis}", "Flatten", V(2, 3, 2), axis=axis)
    op("Flatten_default", "Flatten", V(2, 3, 2))
    op("Transpose_default", "Transpose", V(2, 3, 2))
    op("Transpose_perm", "Transpose", V(2, 3, 4), perm=[1, 2, 0])
    op("Squeeze_11", "Squeeze", V(1, 3, 1, 2), opset=11, axes=[0, -2])
    op("Squeeze_11_all", "Squeeze", V(1, 3, 1), opset=11)
    op("Squeeze_13", "Squeeze", V(1, 3, 1, 2), ints(2))
    op("Squeeze_13_all", "Squeeze", V(1, 3, 1))
    op("Unsqueeze_11", "Unsqueeze", V(3, 2), opset=11, axes=[0, 3])
    op("Unsqueeze_13", "Unsqueeze", V(3, 2), ints(-1, 1))
    op("Concat_two", "Concat", V(2, 3), V(2, 1), axis=1)
    op("Concat_constant", "Concat", V(2, 3), C(1, 3), V(2, 3), axis=-2)
    op("Concat_one", "Concat", V(2, 3), axis=0)
    op("Split_2_even", "Split", V(2, 6), outputs=3, opset=11, axis=1)
    op("Split_2_list", "Split", V(2, 6), outputs=2, opset=11, axis=-1, split=[2, 4])
    op("Split_13_list", "Split", V(5, 2), ints(1, 3, 1), outputs=3, opset=13)
    op("Split_13_even", "Split", V(4, 2), outputs=2, opset=13)
    op("Split_18_count", "Split", V(2, 7), outputs=3, opset=18, axis=1, num_outputs=3)
    op("Slice_1", "Slice", V(4, 5), opset=9, starts=[1, 0], ends=[3, -1])
    op("Slice_1_axes", "Slice", V(4, 5), opset=9, starts=[-3], ends=[1000], axes=[1])
    op("Slice_10", "Slice", V(4, 5), ints(1), ints(4), ints(1), ints(2))
    op("Slice_reversed", "Slice", V(4, 5), ints(-1, 3), ints(-100, 0), ints(0, -1), ints(-1, -2))
    op("Slice_no_axes", "Slice", V(4, 5), ints(0, 1), ints(2, 9))
    op("Slice_left_out", "Slice", V(4, 5), ints(0, 1), ints(4, 5), None, ints(3, 2))
    op("Slice_min_int", "Slice", V(5), ints(4), ints(-2**63), ints(0), ints(-1))
    op("Slice_max_int", "Slice", V(5), ints(1), ints(2**63 - 1), ints(0), ints(1))
    op("Slice_large_step", "Slice", V(5), ints(1), ints(2**63 - 1), ints(0), ints(2**62))
    op("Gather_scalar", "Gather", V(3, 4), np.array(1), axis=1)
    op("Gather_list", "Gather", V(3, 4), ints(2, 0, 2))
    op("Gather_matrix", "Gather", V(3, 4), np.array([[0, -1], [2, 1]]), axis=1)
    op("Gather_negative_axis", "Gather", V(3, 4), ints(-1, 0), axis=-2)
    op("Gather_int32", "Gather", V(3, 4), np.array([1, 0], dtype=np.int32), axis=-1)
    op("GatherElements_0", "GatherElements", V(3, 3), np.array([[0, 1, 2], [2, -1, 0]]))
    op("GatherElements_1", "GatherElements", V(3, 3), np.array([[0, 0], [1, -1], [2, 1]]), axis=1)
    op("GatherND_full", "GatherND", V(2, 3), np.array([[0, 1], [1, -1], [0, 1]]))
    op("GatherND_slices", "GatherND", V(2, 3, 2), np.array([[[1]], [[0]]]))
    op("GatherND_batch", "GatherND", V(2, 3, 2), np.array([[1], [-1]]), batch_dims=1)
    for (key, data), (with_, updates) in itertools.product({"v": V, "c": C}.items(), repeat=2):
        if key == with_ == "c":
            continue
        kind = key + with_
        op(f"ScatterND_{kind}", "ScatterND", data(4, 2), np.array([[2], [0]]), updates(2, 2))
        op(f"ScatterND_entries_{kind}", "ScatterND", data(2, 3), np.array([[1, 2], [0, -1]]), updates(2))
        op(f"ScatterElements_{kind}", "ScatterElements", data(3, 3), np.array([[1, 0, 2], [0, 2, 1]]), updates(2, 3))
        op(f"ScatterElements_axis_{kind}", "ScatterElements", data(2, 4), np.array([[-1, 1]]), updates(1, 2), axis=1)
        for reduction in ("add", "max", "min"):
            op(f"ScatterND_{reduction}_{kind}", "ScatterND", data(4, 2), np.array([[2], [0], [2], [2]]),
               updates(4, 2), reduction=reduction)
            op(f"ScatterElements_{reduction}_{kind}", "ScatterElements", data(3, 3),
               np.array([[1, 0, 2], [1, 2, -1], [0, 0, 2]]), updates(3, 3), reduction=reduction)
    op("Scatter_old", "Scatter", V(2, 4), np.array([[3, 1]]), V(1, 2), axis=1, opset=9,
       reference=lambda a, c, b: np.array([[a[0, 0], c[0, 1], a[0, 2], c[0, 0]], a[1]]))
    graph_model("Messages_of_a_graph", [
        N("Gather", "x from", "s", axis=0), N("Gather", "x to", "t", axis=0), N("Concat", "s t", "p", axis=1),
        N("Gemm", "p w b", "q"), N("Tanh", "q", "m"), N("ScatterND", "zero at m", "y", reduction="add")],
        {"x": V(4, 2)}, ["y"], {"from": ints(0, 1, 2, 3, 0), "to": ints(1, 2, 3, 0, 2), "w": C(4, 3), "b": C(3),
                                "zero": np.zeros((4, 3)), "at": np.array([[1], [2], [3], [0], [2]])})
    for mode in ("constant", "reflect", "edge", "wrap"):
        op(f"Pad_{mode}", "Pad", V(3, 4), ints(1, 2, 0, 3), opset=19, mode=mode)
        op(f"Pad_{mode}_axes", "Pad", V(2, 4, 3), ints(1, 2, 2, 0), None, ints(1, -1), opset=19, mode=mode)
    op("Pad_value", "Pad", V(2, 3), ints(0, 1, 1, 0), np.array(2.5))
    op("Pad_negative", "Pad", V(4, 5), ints(-1, 2, 1, -2), opset=19,
       reference=lambda a, **_: np.pad(a[1:, :3], ((0, 1), (2, 0))))
    op("Pad_negative_edge", "Pad", V(5), ints(2, -2), None, None, opset=19, mode="edge",
       reference=lambda a, **_: np.pad(a[:3], (2, 0), mode="edge"))
    op("Pad_negative_reflect", "Pad", V(5), ints(2, -1), None, None, opset=19, mode="reflect",
       reference=lambda a, **_: np.pad(a[:4], (2, 0), mode="reflect"))
    op("Pad_negative_wrap", "Pad", V(5), ints(-1, 2), None, None, opset=19, mode="wrap",
       reference=lambda a, **_: np.pad(a[1:], (0, 2), mode="wrap"))
    op("Pad_2", "Pad", V(2, 3), opset=7, pads=[0, 1, 1, 2], value=0.5,
       reference=lambda a: np.pad(a, ((0, 1), (1, 2)), constant_values=0.5))
    op("Pad_2_reflect", "Pad", V(2, 3), opset=10, pads=[0, 1, 1, 2], mode="reflect",
       reference=lambda a: np.pad(a, ((0, 1), (1, 2)), mode="reflect"))
    op("Expand_rows", "Expand", V(3, 1), ints(2, 1, 4))
    op("Expand_smaller", "Expand", V(2, 3), ints(3))
    op("Tile_both", "Tile", V(2, 3), ints(2, 3))
    op("Tile_one", "Tile", V(2, 1), ints(1, 4))
    op("DepthToSpace_default", "DepthToSpace", V(1, 8, 2, 3), blocksize=2)
    op("DepthToSpace_CRD", "DepthToSpace", V(2, 8, 1, 2), blocksize=2, mode="CRD")
    op("SpaceToDepth", "SpaceToDepth", V(2, 1, 4, 6), blocksize=2)
    for upper in (0, 1):
        for k in (-1, 0, 2):
            op(f"Trilu_{upper}_{k}", "Trilu", V(2, 3, 4), np.array(k), upper=upper)
    op("Trilu_default", "Trilu", V(3, 3))


# ------------------------------------------------------------------- resize

def resizes():
    def resized(a, scales=None, sizes=None, **attributes):
        operands = [a, np.zeros(0), np.zeros(0, dtype=np.float32) if scales is None else np.float32(scales)]
        operands += [] if sizes is None else [np.array(sizes)]
        return reference_of("Resize", operands, opset=13, **attributes)

    def exact(a, scale=None, sizes=None, mode="half_pixel", kind="cubic", nearest="round_prefer_floor", outside=False,
              sharpness=-0.75):
        """By the definition, axis by axis; the reference evaluator has cubic weights of 32 bits and puts
        `align_corners` and one entry of `pytorch_half_pixel` elsewhere than the text of the standard."""
        for axis, n in enumerate(a.shape):
            s = sizes[axis] / n if sizes is not None else float(np.float32(scale[axis]))
            to = sizes[axis] if sizes is not None else int(n * s)
            if s == 1:
                continue
            k = np.arange(to)
            at = {"half_pixel": (k + 0.5) / s - 0.5, "asymmetric": k / s,
                  "pytorch_half_pixel": (k + 0.5) / s - 0.5 if to > 1 else 0.0 * k,
                  "align_corners": k * (n - 1) / (to - 1) if to > 1 else 0.0 * k,
                  "half_pixel_symmetric": n / 2 * (1 - to / (s * n)) + (k + 0.5) / s - 0.5}[mode]
            weights = np.zeros((to, n))
            for row, p in zip(weights, at):
                if kind == "nearest":
                    i = {"round_prefer_floor": np.ceil(p - 0.5), "round_prefer_ceil": np.floor(p + 0.5),
                         "floor": np.floor(p), "ceil": np.ceil(p)}[nearest]
                    row[int(np.clip(i, 0, n - 1))] = 1
                    continue
                if kind == "linear":
                    p = np.clip(p, 0, n - 1)
                for i in range(math.floor(p) - 1, math.floor(p) + 3):
                    d, c = abs(p - i), sharpness
                    if kind == "linear":
                        w = max(1 - d, 0)
                    else:
                        w = (c + 2) * d**3 - (c + 3) * d**2 + 1 if d <= 1 else c * (d**3 - 5 * d**2 + 8 * d - 4)
                    if 0 <= i < n or not outside:
                        row[min(max(i, 0), n - 1)] += w
                if outside:
                    row /= row.sum()
            a = np.moveaxis(np.tensordot(weights, a, (1, axis)), 0, axis)
        return a
    coordinates = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]
    # Where the reference evaluator is right, its values are taken.
    aligned = lambda mode, f: f if mode in ("align_corners", "") else None
    for mode in coordinates:
        for scale in (0.6, 1.5, 2.0):
            for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
                op(f"Resize_nearest_{mode}_{nearest}_{scale}", "Resize", V(1, 1, 5), None,
                   np.array([1, 1, scale], dtype=np.float32), opset=19, mode="nearest", nearest_mode=nearest,
                   coordinate_transformation_mode=mode, reference=aligned(
                       mode, lambda a, c, mode=mode, nearest=nearest: exact(a, c, None, mode, "nearest", nearest)))
            for kind in ("linear", "cubic"):
                op(f"Resize_{kind}_{mode}_{scale}", "Resize", V(1, 1, 4, 5), None,
                   np.array([1, 1, scale, 2], dtype=np.float32), opset=19, mode=kind,
                   coordinate_transformation_mode=mode, reference=aligned(
                       mode if kind == "linear" else "",
                       lambda a, c, mode=mode, kind=kind: exact(a, c, None, mode, kind)))
        for kind in ("nearest", "linear", "cubic"):
            for to in (1, 3, 8):
                op(f"Resize_{kind}_{mode}_to_{to}", "Resize", V(1, 1, 5), None, None, ints(1, 1, to), opset=19,
                   mode=kind, coordinate_transformation_mode=mode, reference=aligned(
                       mode if kind != "cubic" else "",
                       lambda a, d, mode=mode, kind=kind: exact(a, None, d, mode, kind)))
    op("Resize_cubic_outside", "Resize", V(1, 1, 5), None, np.array([1, 1, 1.7], dtype=np.float32), mode="cubic",
       exclude_outside=1, reference=lambda a, c: exact(a, c, outside=True))
    op("Resize_cubic_sharpness", "Resize", V(1, 1, 5), None, np.array([1, 1, 1.7], dtype=np.float32), mode="cubic",
       cubic_coeff_a=-0.5, reference=lambda a, c: exact(a, c, sharpness=-0.5))
    op("Resize_axes", "Resize", V(1, 2, 3, 4), None, np.array([2, 0.5], dtype=np.float32), axes=[2, 3], mode="linear")
    op("Resize_sizes_axes", "Resize", V(1, 2, 3, 4), None, None, ints(2, 6), axes=[3, 2], mode="nearest")
    op("Resize_11", "Resize", V(1, 1, 3, 4), np.zeros(0), np.array([1, 1, 2, 2], dtype=np.float32), opset=11,
       mode="linear")
    op("Resize_11_sizes", "Resize", V(1, 1, 3, 4), np.zeros(0), np.zeros(0, dtype=np.float32), ints(1, 1, 5, 8),
       opset=11, mode="nearest")
    op("Resize_13_samples", "Resize", V(2, 2, 2, 2), None, np.array([1, 1, 2, 2], dtype=np.float32), opset=13,
       mode="linear")
    old = lambda kind: lambda a, b: resized(a, scales=b, mode=kind, coordinate_transformation_mode="asymmetric",
                                            nearest_mode="floor")
    for kind in ("nearest", "linear"):
        for key, scales in {"2": [1.0, 1.0, 2.0, 2.0], "1.5": [1.0, 1.0, 1.5, 2.3]}.items():
            b = np.array(scales, dtype=np.float32)
            op(f"Upsample_9_{kind}_{key}", "Upsample", V(1, 1, 3, 2), b, opset=9, mode=kind, reference=old(kind))
            op(f"Resize_10_{kind}_{key}", "Resize", V(1, 1, 3, 2), b, opset=10, mode=kind, reference=old(kind))
            op(f"Upsample_7_{kind}_{key}", "Upsample", V(1, 1, 3, 2), opset=7, mode=kind, scales=scales,
               reference=lambda a, b=b, kind=kind: old(kind)(a, b))


# ------------------------------------------------------------------- graphs

def graphs():
    tensor = numpy_helper.from_array
    # The shape of a tensor at work, as PyTorch writes `x.view(x.size(0), -1)` and the like.
    graph_model("Shape_gather_concat", [
        N("Shape", "x", "s"), N("Gather", "s zero", "n", axis=0), N("Unsqueeze", "n first", "u"),
        N("Concat", "u rest", "t", axis=0), N("Reshape", "x t", "y")],
        {"x": V(2, 3, 4)}, ["y"], {"zero": np.array(0), "first": ints(0), "rest": ints(-1)})
    graph_model("Shape_arithmetic", [
        N("Shape", "x", "s"), N("Slice", "s one three", "p"), N("ReduceProd", "p", "q", keepdims=1),
        N("Shape", "x", "b", start=0, end=1), N("Concat", "b q", "t", axis=0), N("Reshape", "x t", "r"),
        N("Shape", "r", "c", start=-1), N("Cast", "c", "f", to=DOUBLE), N("Sqrt", "f", "g"), N("Div", "r g", "y")],
        {"x": V(2, 3, 4)}, ["y"], {"one": ints(1), "three": ints(3)})
    graph_model("Shape_expand", [
        N("Shape", "x", "s"), N("Shape", "s", "k"), N("ConstantOfShape", "k", "o", value=tensor(np.array([1]))),
        N("Mul", "o two", "p"),
        N("Equal", "p minus", "e"), N("Where", "e o s", "w"), N("Expand", "c w", "d"), N("Add", "x d", "y")],
        {"x": V(2, 3)}, ["y"], {"two": np.array(2), "minus": np.array(-1), "c": C(1, 3)})
    graph_model("Shape_interpolate", [
        N("Shape", "x", "s"), N("Slice", "s zero two zero", "a"), N("Concat", "a wanted", "t", axis=0),
        N("Resize", "x - - t", "y", mode="nearest")],
        {"x": V(1, 2, 2, 3)}, ["y"], {"zero": ints(0), "two": ints(2), "wanted": ints(4, 6)})
    graph_model("Size_as_divisor", [N("Size", "x", "s"), N("Cast", "s", "f", to=DOUBLE), N("ReduceSum", "x", "t"),
                                    N("Div", "t f", "y")], {"x": V(2, 3)}, ["y"])
    graph_model("Range_positions", [
        N("Shape", "x", "s", start=1), N("Squeeze", "s", "n"), N("Range", "zero n one", "r"),
        N("Cast", "r", "f", to=DOUBLE), N("Mul", "x f", "y")],
        {"x": V(2, 4)}, ["y"], {"zero": np.array(0), "one": np.array(1)})
    graph_model("Range_reals", [N("Range", "a b c", "r"), N("Mul", "x r", "y")], {"x": V(4)}, ["y"],
                {"a": np.array(2.0), "b": np.array(0.0), "c": np.array(-0.5)})
    graph_model("Causal_mask", [
        N("Range", "zero n one", "r"), N("Unsqueeze", "r last", "c"), N("LessOrEqual", "r c", "m"),
        N("Where", "m x low", "z"), N("Softmax", "z", "y")],
        {"x": V(3, 3)}, ["y"], {"zero": np.array(0), "n": np.array(3), "one": np.array(1), "last": ints(1),
                                "low": np.array(-1e30)})
    def graph(nodes, inputs, outputs, kinds):
        infos = [helper.make_tensor_value_info(k, kinds.get(k, DOUBLE), None) for k in inputs.split() + outputs.split()]
        return helper.make_graph(nodes, "inner", infos[:len(inputs.split())], infos[len(inputs.split()):])
    kinds = {"k": TensorProto.INT64, "go": TensorProto.BOOL, "on": TensorProto.BOOL}
    steps = graph([N("Identity", "go", "on"), N("MatMul", "h w", "a"), N("Tanh", "a", "b"), N("Add", "h b", "next"),
                   N("Gather", "f k", "c"), N("Mul", "next c", "seen")], "k go h", "on next seen", kinds)
    graph_model("Loop_of_steps", [N("Loop", "n yes x", "y all", body=steps)], {"x": V(3)}, ["y", "all"],
                {"n": np.array(4), "yes": np.array(True), "w": C(3, 3), "f": C(4)})
    halves = graph([N("Less", "k two", "on"), N("Mul", "h h", "next")], "k go h", "on next", kinds)
    graph_model("Loop_until", [N("Loop", "- yes x", "y", body=halves)], {"x": V(3)}, ["y"],
                {"yes": np.array(True), "two": np.array(2)})
    graph_model("Loop_of_no_pass", [N("Loop", "n yes x", "h", body=halves), N("Sin", "h", "y")], {"x": V(3)}, ["y"],
                {"n": np.array(0), "yes": np.array(True), "two": np.array(2)})
    graph_model("Weight_norm", [
        N("ReduceL2", "v one", "n", keepdims=1), N("Div", "v n", "d"), N("Mul", "d g", "w"), N("MatMul", "x w", "y")],
        {"x": V(2, 3)}, ["y"], {"v": C(3, 4), "g": C(3, 1), "one": ints(1)})
    graph_model("Standardized_kernel", [
        N("ReduceMean", "w axes", "m", keepdims=1), N("Sub", "w m", "c"), N("Conv", "x c", "y")],
        {"x": V(1, 2, 5)}, ["y"], {"w": C(3, 2, 2), "axes": ints(1, 2)})
    graph_model("Where_of_no_number", [N("Where", "c x n", "w"), N("Sin", "w", "y")], {"x": V(3)}, ["y"],
                {"c": np.array(True), "n": np.array(np.nan)})
    graph_model("NonZero_indices", [N("NonZero", "m", "i"), N("Transpose", "i", "t"), N("GatherND", "x t", "g"),
                                    N("Exp", "g", "y")],
                {"x": V(2, 3)}, ["y"], {"m": np.array([[True, False, True], [False, True, False]])})
    graph_model("Cast_to_truth", [N("Relu", "x", "r"), N("Cast", "r", "b", to=TensorProto.BOOL), N("Where", "b z x", "y")],
                {"x": V(5), "z": V(5)}, ["y"])
    graph_model("Constants", [
        N("Constant", "", "a", value=tensor(np.array([0.5, 1.0, 2.0]))), N("Constant", "", "b", value_float=0.25),
        N("Constant", "", "c", value_floats=[1.0, 0.5, 0.25]), N("Constant", "", "d", value_int=3),
        N("Constant", "", "e", value_ints=[1, 2, 3]),
        N("Cast", "b", "fb", to=DOUBLE), N("Cast", "c", "fc", to=DOUBLE), N("Cast", "d", "fd", to=DOUBLE),
        N("Cast", "e", "fe", to=DOUBLE), N("Mul", "x a", "p"), N("Add", "p fb", "q"), N("Mul", "q fc", "r"),
        N("Add", "r fd", "s"), N("Mul", "s fe", "y")], {"x": V(3)}, ["y"])
    graph_model("Constant_folding", [
        N("Mod", "i three", "m"), N("Div", "i two", "h"), N("Sub", "m h", "k"), N("Cast", "k", "f", to=DOUBLE),
        N("Neg", "f", "g"), N("Exp", "g", "e"), N("Max", "e half", "n"), N("Mul", "x n", "y")],
        {"x": V(5)}, ["y"], {"i": ints(-5, -1, 0, 4, 7), "three": np.array(3), "two": np.array(2),
                             "half": np.array(0.5)})
    graph_model("Mod_of_constants", [N("Mod", "a b", "m"), N("Mod", "a b", "f", fmod=1), N("Sub", "m f", "d"),
                                     N("Cast", "d", "r", to=DOUBLE), N("Add", "x r", "y")],
                {"x": V(4)}, ["y"], {"a": ints(-5, 5, -5, 5), "b": ints(3, -3, -3, 3)})
    graph_model("Mod_of_real_constants", [N("Mod", "a b", "m", fmod=1), N("Add", "x m", "y")],
                {"x": V(4)}, ["y"], {"a": np.array([-5.5, 5.5, -5.5, 5.5]), "b": np.array([3.0, -3.0, -3.0, 3.0])})
    graph_model("Mean_of_constants", [N("Mean", "a b c", "m"), N("Mul", "x m", "y")], {"x": V(3)}, ["y"],
                {"a": C(3), "b": C(3), "c": C(1)})
    graph_model("Matmul_of_constants", [N("Transpose", "a", "t"), N("MatMul", "t b", "w"), N("MatMul", "x w", "y")],
                {"x": V(2, 3)}, ["y"], {"a": C(2, 3), "b": C(2, 2)})
    graph_model("Integer_division_toward_zero", [
        N("Div", "a b", "q"), N("Cast", "q", "f", to=DOUBLE), N("Mul", "x f", "y")],
        {"x": V(2)}, ["y"], {"a": ints(-7, 7), "b": ints(2, 2)},
        reference=lambda x, a, b: x * np.trunc(a / b))
    graph_model("Two_inputs_two_outputs", [N("Gemm", "x w", "p"), N("Tanh", "p", "h"), N("Mul", "h z", "y"),
                                           N("Add", "h z", "v")], {"x": V(1, 3), "z": V(1, 2)}, ["y", "v"], {"w": C(3, 2)})
    graph_model("Output_is_input", [N("Relu", "x", "y")], {"x": V(3)}, ["x", "y"], reference=lambda x:
                [x, np.maximum(x, 0)])
    graph_model("Outputs_are_moved_input", [N("Transpose", "x", "t"), N("Concat", "t t", "y", axis=0)],
                {"x": V(2, 2)}, ["y", "t"])
    graph_model("Constant_output", [N("Relu", "x", "y"), N("Neg", "c", "d")], {"x": V(2)}, ["y", "d"], {"c": C(2)})
    graph_model("Unused_nodes", [N("LSTM", "x w w", "u"), N("Tanh", "x", "y"), N("Exp", "y", "v")], {"x": V(3)},
                ["y"], {"w": C(1)}, check=False, reference=lambda x, w: np.tanh(x))
    graph_model("Unused_input", [N("Tanh", "x", "y")], {"x": V(3), "z": V(2)}, ["y"])
    graph_model("Out_of_order", [N("Mul", "a b", "y"), N("Exp", "a", "b"), N("Tanh", "x", "a")], {"x": V(3)}, ["y"],
                check=False, reference=lambda x: np.tanh(x) * np.exp(np.tanh(x)))
    graph_model("Free_dimensions", [N("MatMul", "x w", "p"), N("Softmax", "p", "y", axis=1)], {"x": V(1, 4, 3)}, ["y"],
                {"w": C(3, 2)}, shapes={"x": ["N", "T", 3]}, dims={"T": 4})
    graph_model("Free_samples", [N("Flatten", "x", "f"), N("Gemm", "f w", "y")], {"x": V(3, 2, 2)}, ["y"],
                {"w": C(4, 2)}, shapes={"x": ["batch", 2, 2]}, dims={"batch": 3})
    graph_model("Free_length_of_conv", [N("Conv", "x w", "y", pads=[1, 1])], {"x": V(1, 2, 6)}, ["y"], {"w": C(2, 2, 3)},
                shapes={"x": ["N", 2, "T"]}, dims={"T": 6})
    sparse = helper.make_sparse_tensor(tensor(np.array([2.0, -1.0, 0.5]), "w"), tensor(ints(0, 4, 5), "i"), [2, 3])
    dense = np.array([[2.0, 0, 0], [0, -1.0, 0.5]])
    graph_model("Sparse_initializer", [N("MatMul", "x w", "y")], {"x": V(1, 2)}, ["y"], sparse=[sparse], check=False,
                reference=lambda x: x @ dense)
    sparse = helper.make_sparse_tensor(tensor(np.array([2.0, -1.0, 0.5]), "w"),
                                       tensor(np.array([[0, 0], [1, 1], [1, 2]]), "i"), [2, 3])
    graph_model("Sparse_initializer_pairs", [N("MatMul", "x w", "y")], {"x": V(1, 2)}, ["y"], sparse=[sparse],
                check=False, reference=lambda x: x @ dense)
    for condition in (True, False):
        then = helper.make_graph([N("Tanh", "h", "t")], "then", [], [helper.make_tensor_value_info("t", DOUBLE, None)])
        other = helper.make_graph([N("Mul", "h k", "e")], "else", [], [helper.make_tensor_value_info("e", DOUBLE, None)],
                                  initializer=[tensor(np.array(3.0), "k")])
        node = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
        graph_model(f"If_{condition}", [N("Sin", "x", "h"), node], {"x": V(3)}, ["y"], {"c": np.array(condition)})
    then = helper.make_graph([N("Squeeze", "h", "t")], "then", [], [helper.make_tensor_value_info("t", DOUBLE, None)])
    other = helper.make_graph([N("Identity", "h", "e")], "else", [], [helper.make_tensor_value_info("e", DOUBLE, None)])
    graph_model("If_by_shape", [
        N("Sin", "x", "h"), N("Shape", "h", "s"), N("Gather", "s zero", "n"), N("Equal", "n one", "c"),
        helper.make_node("If", ["c"], ["z"], then_branch=then, else_branch=other), N("Exp", "z", "y")],
        {"x": V(1, 3)}, ["y"], {"zero": np.array(0), "one": np.array(1)})
    value = lambda name: [helper.make_tensor_value_info(name, DOUBLE, None)]
    inner = helper.make_node("If", ["d"], ["w"], then_branch=helper.make_graph([N("Mul", "h g", "t")], "t", [], value("t")),
                             else_branch=helper.make_graph([N("Identity", "h", "e")], "e", [], value("e")))
    node = helper.make_node("If", ["c"], ["y"], then_branch=helper.make_graph([inner], "o", [], value("w")),
                            else_branch=helper.make_graph([N("Identity", "x", "v")], "p", [], value("v")))
    graph_model("If_in_if", [N("Sin", "x", "h"), N("Exp", "x", "g"), node], {"x": V(3)}, ["y"],
                {"c": np.array(True), "d": np.array(True)}, reference=lambda x, **_: np.sin(x) * np.exp(x))
    # The other branch may be written for other shapes: nothing of it is looked at.
    bad = helper.make_graph([N("LSTM", "h h h", "e")], "bad", [], value("e"))
    good = helper.make_graph([N("Neg", "h", "t")], "good", [], value("t"))
    node = helper.make_node("If", ["c"], ["y"], then_branch=good, else_branch=bad)
    graph_model("If_other_branch_unknown", [N("Sin", "x", "h"), node], {"x": V(3)}, ["y"], {"c": np.array([True])},
                check=False, reference=lambda x, **_: -np.sin(x))
    slope = helper.make_node("LeakyRelu", ["a"], ["l"])
    reference = onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    slope.attribute.append(reference)
    function = helper.make_function("local", "Block", ["a", "b"], ["out"], [slope, N("Mul", "l b", "out")],
                                    [helper.make_opsetid("", OPSET)], attributes=["slope"])
    inner = helper.make_node("Block", ["a", "a"], ["m"], domain="local")
    outer_attribute = onnx.AttributeProto(name="slope", ref_attr_name="depth", type=onnx.AttributeProto.FLOAT)
    inner.attribute.append(outer_attribute)
    outer = helper.make_function("local", "Twice", ["a"], ["out"], [inner, N("Sigmoid", "m", "out")],
                                 [helper.make_opsetid("", OPSET), helper.make_opsetid("local", 1)], attributes=["depth"])
    leaky = lambda v, slope: np.where(v > 0, v, slope * v)
    graph_model("Function", [helper.make_node("Block", ["x", "c"], ["y"], domain="local", slope=0.25)],
                {"x": V(4)}, ["y"], {"c": C(4)}, functions=[function], domains=["local"],
                reference=lambda x, c: leaky(x, 0.25) * c)
    graph_model("Function_in_function", [helper.make_node("Twice", ["x"], ["y"], domain="local", depth=0.25)],
                {"x": V(4)}, ["y"], functions=[function, outer], domains=["local"],
                reference=lambda x: 1 / (1 + np.exp(-leaky(x, 0.25) * x)))
    graph_model("Function_called_twice", [helper.make_node("Block", ["x", "c"], ["a"], domain="local", slope=0.25),
                                          helper.make_node("Block", ["a", "x"], ["y"], domain="local", slope=0.5)],
                {"x": V(4)}, ["y"], {"c": C(4)}, functions=[function], domains=["local"],
                reference=lambda x, c: leaky(leaky(x, 0.25) * c, 0.5) * x)
    halves = [helper.make_function("local", "Half", ["a"], ["out"], [N(f, "a", "out")],
                                   [helper.make_opsetid("", OPSET)], overload=f) for f in ("Sin", "Exp")]
    calls = [helper.make_node("Half", ["x"], [f], domain="local", overload=f) for f in ("Sin", "Exp")]
    graph_model("Function_overloads", [*calls, N("Mul", "Sin Exp", "y")], {"x": V(3)}, ["y"], functions=halves,
                domains=["local"], reference=lambda x: np.sin(x) * np.exp(x))
    typed = lambda v, t: helper.make_tensor("", t, [len(v)], v)
    kinds = {"a": (FLOAT, [0.5, 1.5]), "b": (DOUBLE, [0.3, -0.7]), "c": (TensorProto.FLOAT16, [0.25, 3.0]),
             "d": (TensorProto.BFLOAT16, [0.5, -2.0]), "e": (TensorProto.INT32, [3, -4]), "f": (TensorProto.INT64, [5, -6]),
             "g": (TensorProto.UINT8, [7, 255]), "h": (TensorProto.INT8, [-7, 8]), "i": (TensorProto.UINT64, [9, 10]),
             "j": (TensorProto.BOOL, [True, False]), "k": (TensorProto.UINT16, [11, 65535])}
    nodes, last = [], "x"
    for name, (element, numbers) in kinds.items():
        nodes += [N("Constant", "", f"{name}0", value=typed(numbers, element)), N("Cast", f"{name}0", f"{name}1", to=DOUBLE),
                  N("Add", f"{last} {name}1", f"{name}2")]
        last = f"{name}2"
    graph_model("Constants_of_all_types", nodes, {"x": V(2)}, [last],
                reference=lambda x: x + sum(np.array(v, dtype=np.float64) for _, v in kinds.values()))
    graph_model("Cast_truncates", [N("Cast", "c", "i", to=TensorProto.INT64), N("Cast", "i", "f", to=DOUBLE),
                                   N("Cast", "c", "b", to=TensorProto.BOOL), N("Cast", "b", "g", to=DOUBLE),
                                   N("Add", "x f", "y"), N("Mul", "x g", "z")],
                {"x": V(4)}, ["y", "z"], {"c": np.array([-1.7, 1.7, 0.0, 0.4])})
    graph_model("Scalar_input", [N("Exp", "x", "e"), N("Mul", "e c", "p"), N("Add", "p x", "y"), N("Reshape", "x s", "r"),
                                 N("Concat", "r r", "z", axis=0)],
                {"x": V()}, ["y", "z"], {"c": C(2, 3), "s": ints(1)})
    graph_model("Scalar_output", [N("Tanh", "x", "t"), N("ReduceSum", "t", "y", keepdims=0)], {"x": V(2, 2)}, ["y"])
    graph_model("Empty_slice_joined", [N("Slice", "x one one axis", "s"), N("Concat", "s t", "y", axis=1), N("Tanh", "x", "t")],
                {"x": V(2, 3)}, ["y"], {"one": ints(1), "axis": ints(1)}, check=False,
                reference=lambda x, **_: np.tanh(x))
    graph_model("Empty_constant_joined", [N("Concat", "c x", "t", axis=1), N("Sin", "t", "y")], {"x": V(2, 3)}, ["y"],
                {"c": np.zeros((2, 0))})
    graph_model("Allowzero", [N("Reshape", "x s", "y", allowzero=1)], {"x": V(2, 3)}, ["y"], {"s": ints(3, 2)})
    graph_model("Input_with_default", [N("Mul", "x c", "y")], {"x": V(3)}, ["y"], {"c": C(3)}, defaults=["c"])
    op("Gelu_of_a_runtime", "Gelu", V(5), opset=17, domain="com.microsoft", domains=["com.microsoft"], check=False,
       reference=lambda a: a / 2 * (1 + np.vectorize(math.erf)(a / 2**0.5)))
    # Layers that are folded into the one before, through movements.
    graph_model("Fold_through_transpose", [
        N("MatMul", "x w", "a"), N("Transpose", "a", "b", perm=[0, 2, 1]), N("Add", "b c", "d"), N("Mul", "d e", "f"),
        N("Tanh", "f", "g"), N("Div", "g h", "y")], {"x": V(2, 3, 2)}, ["y"],
        {"w": C(2, 4), "c": C(4, 1), "e": C(1, 3), "h": C(2, 1, 1, low=0.5)})
    graph_model("Fold_through_split", [
        N("Conv", "x w", "a"), N("Split", "a", "b c", axis=1, num_outputs=2), N("Add", "b d", "e"), N("Mul", "c f", "g"),
        N("Mul", "e g", "y")], {"x": V(1, 2, 5)}, ["y"], {"w": C(4, 2, 2), "d": C(2, 1), "f": C(4)})
    graph_model("Norm_of_samples", [
        N("Conv", "x w", "a"), N("BatchNormalization", "a s b m v", "n"), N("Softplus", "n", "p"), N("MaxPool", "p", "q",
        kernel_shape=[2]), N("ReduceLogSumExp", "q axes", "y", keepdims=0)], {"x": V(2, 2, 5)}, ["y"],
        {"w": C(3, 2, 2), "s": C(3), "b": C(3), "m": C(3), "v": C(3, low=0.3), "axes": ints(0)}, opset=18)
    graph_model("Gate_of_moved_halves", [
        N("Slice", "x zero two last", "a"), N("Slice", "x two four last", "b"), N("Sigmoid", "b", "s"), N("Mul", "a s", "p"),
        N("Sigmoid", "a", "t"), N("Mul", "t a", "q"), N("Add", "p q", "y")], {"x": V(2, 4)}, ["y"],
        {"zero": ints(0), "two": ints(2), "four": ints(4), "last": ints(-1)})
    graph_model("Reversed_gate", [
        N("Gather", "x back", "r"), N("Sigmoid", "r", "s"), N("Mul", "x s", "y")], {"x": V(4)}, ["y"],
        {"back": ints(3, 2, 1, 0)})
    graph_model("Repeated_units", [N("Gather", "x twice", "r"), N("Exp", "r", "e"), N("Mul", "e r", "p"),
                                   N("ReduceProd", "p", "y")], {"x": V(3)}, ["y"], {"twice": ints(0, 0, 2, 1, 2)})


# ----------------------------------------------------------------- networks

def networks():
    graph_model("Network_residual", [
        N("Conv", "x w1", "a", pads=[1, 1, 1, 1]), N("BatchNormalization", "a s1 b1 m1 v1", "b"), N("Relu", "b", "c"),
        N("Conv", "c w2", "d", pads=[1, 1, 1, 1]), N("BatchNormalization", "d s2 b2 m2 v2", "e"),
        N("Conv", "x w3", "f"), N("Add", "e f", "g"), N("Sigmoid", "g", "h"), N("Mul", "g h", "i"),
        N("MaxPool", "i", "j", kernel_shape=[2, 2], strides=[2, 2]), N("GlobalAveragePool", "j", "k"),
        N("Flatten", "k", "l"), N("Gemm", "l w4 b4", "y", transB=1)],
        {"x": V(1, 2, 4, 4)}, ["y"],
        {"w1": C(3, 2, 3, 3), "w2": C(3, 3, 3, 3), "w3": C(3, 2, 1, 1), "w4": C(2, 3), "b4": C(2),
         **{f"{k}{i}": C(3, low=0.3) for k in "sbmv" for i in (1, 2)}})
    # Two heads of three numbers for four tokens.
    names = {"q": "wq", "k": "wk", "v": "wv"}
    heads = []
    for k, w in names.items():
        order = [0, 2, 3, 1] if k == "k" else [0, 2, 1, 3]
        heads += [N("MatMul", f"n {w}", f"{k}0"), N("Add", f"{k}0 b{k}", f"{k}1"), N("Reshape", f"{k}1 split", f"{k}2"),
                  N("Transpose", f"{k}2", f"{k}3", perm=order)]
    graph_model("Network_transformer", [
        N("LayerNormalization", "x g1 h1", "n"), *heads, N("MatMul", "q3 k3", "a"), N("Mul", "a scale", "b"),
        N("Softmax", "b", "p"), N("MatMul", "p v3", "o"), N("Transpose", "o", "t", perm=[0, 2, 1, 3]),
        N("Reshape", "t merge", "m"), N("MatMul", "m wo", "z"), N("Add", "z x", "r"),
        N("LayerNormalization", "r g2 h2", "l"), N("MatMul", "l w1", "u"), N("Gelu", "u", "f"),
        N("MatMul", "f w2", "e"), N("Add", "e r", "y")],
        {"x": V(1, 4, 6)}, ["y"],
        {"split": ints(0, 0, 2, 3), "merge": ints(0, 0, -1), "scale": np.array(3**-0.5),
         **{k: C(6, 6, low=-0.6, high=0.6) for k in ("wq", "wk", "wv", "wo")}, **{f"b{k}": C(6) for k in names},
         **{k: C(6) for k in ("g1", "h1", "g2", "h2")}, "w1": C(6, 8), "w2": C(8, 6)}, opset=20,
        reference=transformer)
    graph_model("Network_swiglu", [
        N("MatMul", "x w", "h"), N("Split", "h", "a b", axis=-1, num_outputs=2), N("Sigmoid", "a", "s"),
        N("Mul", "a s", "c"), N("Mul", "c b", "d"), N("MatMul", "d v", "y")],
        {"x": V(2, 3)}, ["y"], {"w": C(3, 8), "v": C(4, 2)})
    graph_model("Network_wavenet", [
        N("Conv", "x w1 b1", "a", dilations=[1]), N("Slice", "a zero two one", "f"), N("Slice", "a two four one", "g"),
        N("Tanh", "f", "t"), N("Sigmoid", "g", "s"), N("Mul", "t s", "z"), N("Conv", "z w2", "p"),
        N("Slice", "x one end two_axis", "r"), N("Add", "p r", "h"), N("Conv", "h w3 b3", "b", dilations=[2]),
        N("Split", "b", "c d", axis=1, num_outputs=2), N("Tanh", "c", "u"), N("Sigmoid", "d", "v"),
        N("Mul", "u v", "e"), N("Conv", "e w4", "y")],
        {"x": V(1, 1, 9)}, ["y"],
        {"w1": C(4, 1, 2), "b1": C(4), "w2": C(2, 2, 1), "w3": C(4, 2, 2), "b3": C(4), "w4": C(1, 2, 1),
         "zero": ints(0), "one": ints(1), "two": ints(2), "four": ints(4), "two_axis": ints(2), "end": ints(2**31)})
    # Flows on the lines of a small grid: v_i v_j (g cos d + b sin d), summed at the nodes.
    graph_model("Network_power_flow", [
        N("Gather", "angle from", "ai"), N("Gather", "angle to", "aj"), N("Sub", "ai aj", "d"), N("Sin", "d", "s"),
        N("Cos", "d", "c"), N("Gather", "volt from", "vi"), N("Gather", "volt to", "vj"), N("Mul", "vi vj", "vv"),
        N("Mul", "s b", "sb"), N("Mul", "c g", "cg"), N("Add", "sb cg", "u"), N("Mul", "vv u", "w"),
        N("Mul", "vi vi", "v2"), N("Mul", "v2 g", "vg"), N("Sub", "vg w", "flow"), N("MatMul", "incidence flow", "y")],
        {"angle": V(4), "volt": V(4, low=0.8, high=1.2)}, ["y", "flow"],
        {"from": ints(0, 1, 2, 3, 1), "to": ints(1, 2, 3, 0, 3), "b": C(5), "g": C(5),
         "incidence": np.array([[1.0, 0, 0, -1, 0], [-1, 1, 0, 0, 1], [0, -1, 1, 0, 0], [0, 0, -1, 1, -1]])})
    graph_model("Network_mixture", [
        N("Gemm", "x wg bg", "a"), N("Softmax", "a", "p"), N("Unsqueeze", "p last", "q"),
        N("Gemm", "x we be", "b"), N("Reshape", "b split", "c"), N("Tanh", "c", "d"), N("Mul", "q d", "e"),
        N("ReduceSum", "e over", "f", keepdims=0), N("Gemm", "f wh", "h"), N("ReduceMean", "h mean", "m"),
        N("Sub", "h m", "i"), N("Pow", "i two", "j"), N("ReduceMean", "j mean", "v"), N("Add", "v eps", "w"),
        N("Sqrt", "w", "r"), N("Div", "i r", "n"), N("Mul", "n gamma", "o"), N("Add", "o beta", "y")],
        {"x": V(1, 3)}, ["y"],
        {"wg": C(3, 2), "bg": C(2), "we": C(3, 8), "be": C(8), "split": ints(1, 2, 4), "last": ints(-1),
         "over": ints(1), "wh": C(4, 3), "mean": ints(-1), "two": np.array(2.0), "eps": np.array(1e-5), "gamma": C(3),
         "beta": C(3)})
    graph_model("Network_unet", [
        N("Conv", "x w1", "a", pads=[1, 1]), N("Tanh", "a", "b"), N("AveragePool", "b", "c", kernel_shape=[2], strides=[2]),
        N("Conv", "c w2", "d", pads=[1, 1]), N("Tanh", "d", "e"), N("ConvTranspose", "e w3", "f", strides=[2]),
        N("Concat", "f b", "g", axis=1), N("Conv", "g w4", "y", pads=[1, 1])],
        {"x": V(1, 1, 8)}, ["y"], {"w1": C(2, 1, 3), "w2": C(3, 2, 3), "w3": C(3, 2, 2), "w4": C(1, 4, 3)})


def transformer(x, **c):
    """In double precision throughout; the evaluator rounds the epsilon of the normalization."""
    small = float(np.float32(1e-5))

    def normal(v, g, h):
        v = v - v.mean(-1, keepdims=True)
        return v / np.sqrt((v**2).mean(-1, keepdims=True) + small) * g + h
    n = normal(x, c["g1"], c["h1"])
    q, k, v = ((n @ c["w" + i] + c["b" + i]).reshape(1, 4, 2, 3).transpose(0, 2, 1, 3) for i in "qkv")
    a = np.exp(q @ k.transpose(0, 1, 3, 2) * c["scale"])
    o = (a / a.sum(-1, keepdims=True)) @ v
    r = o.transpose(0, 2, 1, 3).reshape(1, 4, 6) @ c["wo"] + x
    u = normal(r, c["g2"], c["h2"]) @ c["w1"]
    return u * 0.5 * (1 + np.vectorize(math.erf)(u * 0.5**0.5)) @ c["w2"] + r


# ------------------------------------------------------------------ refused

def refuse(name, words, nodes, inputs, constants=(), opset=OPSET, domains=(), elements=None):
    infos = [helper.make_tensor_value_info(k, (elements or {}).get(k, DOUBLE), list(s)) for k, s in inputs.items()]
    random = generator(name)
    constants = {k: draw(random, v, np.float64) if isinstance(v, C) else np.asarray(v)
                 for k, v in dict(constants).items()}
    graph = helper.make_graph(nodes, name, infos, [helper.make_tensor_value_info("y", DOUBLE, None)],
                              initializer=[numpy_helper.from_array(v, k) for k, v in constants.items()])
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    refused[f"{name}.onnx"] = np.frombuffer(model.SerializeToString(deterministic=True), dtype=np.uint8)
    refused[f"{name}.words"] = np.frombuffer("\n".join(words).encode(), dtype=np.uint8)


def refusals():
    def one(name, operator, operands, inputs, constants=(), opset=OPSET, words=(), outputs="y", domain="", **attributes):
        node = N(operator, operands, outputs, name="the_node", **attributes)
        node.domain = domain
        refuse(name, [operator, "the_node", f"opset {opset}", *words], [node], inputs, constants, opset,
               [domain] if domain else [])
    one("LSTM", "LSTM", "x w r", {"x": (2, 1, 3)}, {"w": C(1, 8, 3), "r": C(1, 8, 2)}, hidden_size=2)
    one("GRU", "GRU", "x w r", {"x": (2, 1, 3)}, {"w": C(1, 6, 3), "r": C(1, 6, 2)}, hidden_size=2)
    one("TopK", "TopK", "x k", {"x": (4,)}, {"k": ints(2)}, outputs="y i")
    one("ArgMax", "ArgMax", "x", {"x": (4,)})
    one("Floor", "Floor", "x", {"x": (4,)})
    one("Cast_to_int", "Cast", "x", {"x": (4,)}, to=TensorProto.INT64)
    one("Custom_domain", "Fused", "x", {"x": (4,)}, domain="com.example", words=["com.example"])
    one("Custom_operator", "Frobnicate", "x", {"x": (4,)})
    one("BatchNormalization_training", "BatchNormalization", "x s s s s", {"x": (1, 3)}, {"s": C(3, low=0.5)},
        training_mode=1, outputs="y m v", words=["training"])
    one("Dropout_training", "Dropout", "x r t", {"x": (4,)}, {"r": np.array(0.5), "t": np.array(True)},
        words=["training"])
    one("Conv_variable_weight", "Conv", "x w", {"x": (1, 1, 4), "w": (1, 1, 2)}, words=["weight"])
    one("Scatter_variable_indices", "ScatterElements", "c x c", {"x": (4,)}, {"c": C(4)}, words=["indices"])
    one("Scatter_product", "ScatterElements", "x i x", {"x": (2,)}, {"i": ints(0, 1)}, reduction="mul", words=["mul"])
    one("Scatter_outside", "ScatterND", "x i x", {"x": (2,)}, {"i": np.array([[0], [2]])}, words=["index 2"])
    one("Einsum_unknown_name", "Einsum", "x", {"x": (2, 2)}, equation="ij->k", words=["ij->k"])
    one("Einsum_rank", "Einsum", "x", {"x": (2, 2)}, equation="ijk->i", words=["ijk"])
    one("Gather_variable_indices", "Gather", "c x", {"x": (4,)}, {"c": C(4)}, words=["indices"])
    one("DequantizeLinear", "DequantizeLinear", "x s", {"x": (4,)}, {"s": np.array(0.5)}, words=["quantized"])
    one("QLinearMatMul", "QLinearMatMul", "x s z x s z s z", {"x": (2, 2)}, {"s": np.array(0.5), "z": np.array(0)},
        words=["quantized"])
    one("RandomNormalLike", "RandomNormalLike", "x", {"x": (4,)}, words=["random"])
    one("Resize_aspect", "Resize", "x - - s", {"x": (1, 1, 2, 2)}, {"s": ints(4, 6)}, axes=[2, 3],
        keep_aspect_ratio_policy="not_larger", words=["aspect"])
    one("Resize_antialias", "Resize", "x - s", {"x": (1, 1, 4)}, {"s": np.array([1, 1, 0.5], dtype=np.float32)},
        mode="linear", antialias=1)
    one("Resize_crop", "Resize", "x r s", {"x": (1, 1, 4)},
        {"r": np.array([0, 0, 0, 1.0, 1, 1]), "s": np.array([1, 1, 2.0], dtype=np.float32)},
        coordinate_transformation_mode="tf_crop_and_resize", words=["tf_crop_and_resize"])
    one("AveragePool_ceil_counted", "AveragePool", "x", {"x": (1, 1, 6)}, kernel_shape=[3], strides=[2], ceil_mode=1,
        count_include_pad=1, words=["ceil_mode"])
    one("Conv_4d", "Conv", "x w", {"x": (1, 1, 2, 2, 2, 2)}, {"w": C(1, 1, 1, 1, 1, 1)}, words=["axes"])
    one("Dropout_mask", "Dropout", "x", {"x": (4,)}, outputs="v y", words=["y"])
    one("Pad_extreme", "Pad", "x p", {"x": (4,)}, {"p": ints(-2**63, 0)}, words=["pads"])
    one("Pad_nothing_left", "Pad", "x p", {"x": (4,)}, {"p": ints(-3, -1)}, mode="edge", words=["nothing"])
    one("ConvTranspose_extreme", "ConvTranspose", "x w", {"x": (1, 1, 4)}, {"w": C(1, 1, 2)}, output_shape=[2**62],
        words=["output shape"])
    one("Wrong_shapes", "Add", "x c", {"x": (4,)}, {"c": C(3)}, words=["fit"])
    one("Reshape_by_variable", "Reshape", "c x", {"x": (2,)}, {"c": C(4)}, words=["constant"])
    one("MaxPool_indices", "MaxPool", "x", {"x": (1, 1, 4)}, kernel_shape=[2], outputs="v y", words=["y"])
    for name, operator in (("Loop", "Loop"), ("Scan", "Scan")):
        body = helper.make_graph([N("Identity", "a", "b")], "body", [helper.make_tensor_value_info("a", DOUBLE, [])],
                                 [helper.make_tensor_value_info("b", DOUBLE, [])])
        node = helper.make_node(operator, ["x"], ["y"], name="the_node", body=body)
        refuse(name, [operator, "the_node", "opset 18"], [node], {"x": (4,)})
    branch = lambda to: helper.make_graph([N("Identity", "x", to)], to, [], [helper.make_tensor_value_info(to, DOUBLE, None)])
    node = helper.make_node("If", ["x"], ["y"], name="the_node", then_branch=branch("t"), else_branch=branch("e"))
    refuse("If_variable", ["If", "the_node", "opset 18", "condition"], [node], {"x": (1,)})
    node = N("Tanh", "x", "y", name="the_node")
    refuse("Opset_6", ["operator set 6", "7 to 24"], [node], {"x": (4,)}, opset=6)
    refuse("Opset_99", ["operator set 99", "7 to 24"], [node], {"x": (4,)}, opset=99)
    refuse("Integer_input", ["\"x\"", "int64"], [node], {"x": (4,)}, elements={"x": TensorProto.INT64})
    node = N("Constant", "", "s", name="the_node", value=helper.make_tensor("t", TensorProto.STRING, [1], [b"text"]))
    refuse("String_constant", ["Constant", "the_node", "opset 18", "type 8"],
           [node, N("Mul", "x s", "y")], {"x": (4,)})
    refuse("String_initializer", ["\"c\"", "type 8"], [N("Mul", "x c", "y")], {"x": (4,)}, {"c": np.array(["a"], dtype=object)})


def main():
    for make in (elementwise, arithmetic, products, convolutions, normalizations, reductions, pools, shapes, resizes,
                 graphs, networks, refusals):
        make()
    for name, arrays in (("operators", accepted), ("refused", refused)):
        path = os.path.join(HERE, f"{name}.npz")
        np.savez_compressed(path, **arrays)
        count = sum(key.endswith(".onnx") for key in arrays)
        print(f"{name}.npz: {count} models, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()

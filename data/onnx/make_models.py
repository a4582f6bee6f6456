"""Small ONNX models, one for each operator and way of using it, with values of ONNX's own reference evaluator.

Writes operators.npz: for each model NAME the arrays NAME.model (the bytes of the file), NAME.x (a point) and NAME.y (the
outputs, all in float64) and NAME.tolerance, and refused.npz: models that colorjet does not read. Needs numpy and onnx:

    pip install numpy onnx
    python make_models.py
"""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

rng = np.random.default_rng(7)
models = {}


def weights(*shape, scale=1.0):
    return rng.normal(size=shape) * scale


def constant(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def add(name, nodes, inputs, constants=(), outputs=("y",), opset=18, positive=False, functions=(), extra=(), expected=None):
    """A model of these nodes; inputs are names and shapes, constants names and arrays."""
    given = [helper.make_tensor_value_info(n, TensorProto.DOUBLE, s) for n, s in inputs]
    made = [helper.make_tensor_value_info(n, TensorProto.DOUBLE, None) for n in outputs]
    graph = helper.make_graph(list(nodes), name, given, made, [constant(n, v) for n, v in constants])
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in extra]
    model = helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)
    shapes = [[1 if isinstance(d, str) else d for d in s] for _, s in inputs]
    points = [rng.uniform(0.2, 0.9, size=s) if positive else rng.normal(size=s) for s in shapes]
    if expected is None:
        results = ReferenceEvaluator(model).run(None, {n: p for (n, _), p in zip(inputs, points)})
    else:
        results = [expected(*points)]
    y = np.concatenate([np.asarray(r, dtype=np.float64).ravel() for r in results])
    assert np.isfinite(y).all(), name
    assert name not in models, name
    models[name] = (model.SerializeToString(), np.concatenate([p.ravel() for p in points]), y)


def one(operator, inputs, constants=(), name=None, opset=18, operands=None, positive=False, outputs=("y",), expected=None, **attributes):
    """A model of one node that reads the inputs, then the constants."""
    operands = operands or [n for n, _ in inputs] + [n for n, _ in constants]
    node = helper.make_node(operator, operands, list(outputs), name=f"the_{operator}", **attributes)
    add(name or operator, [node], inputs, constants, outputs, opset=opset, positive=positive, expected=expected)


X = [("x", [2, 3])]

# Functions of each unit.
for operator in "Relu Elu Selu Celu Softplus Softsign Sigmoid Tanh Erf Exp Abs Neg Sin Cos Tan Atan Sinh Cosh Asinh".split():
    one(operator, X)
for operator in "Log Sqrt Reciprocal Asin Acos Atanh".split():
    one(operator, X, positive=True)
add("Acosh", [helper.make_node("Add", ["x", "one"], ["z"]), helper.make_node("Acosh", ["z"], ["y"])], X,
    [("one", np.float64(1.0))], positive=True)
one("LeakyRelu", X, alpha=0.25)
one("Elu", X, name="Elu_alpha", alpha=0.5)
one("Celu", X, name="Celu_alpha", alpha=2.0)
one("Selu", X, name="Selu_other", alpha=1.5, gamma=2.0)
one("ThresholdedRelu", X, alpha=0.25)
one("Shrink", X, lambd=0.25, bias=0.125)
one("HardSigmoid", X, alpha=0.25, beta=0.5)
one("HardSwish", X)
one("Mish", X)
one("Gelu", X, opset=20)
one("Gelu", X, name="Gelu_tanh", opset=20, approximate="tanh")
one("PRelu", [("x", [1, 3, 4])], [("slope", weights(3, 1))])
one("PRelu", X, [("slope", np.array([0.25]))], name="PRelu_one")
one("Clip", X, [("low", np.float64(-0.5)), ("high", np.float64(0.5))])
one("Clip", X, [("high", np.float64(0.5))], name="Clip_high", operands=["x", "", "high"])
one("Clip", X, [("low", np.float64(-0.5))], name="Clip_low")
one("Identity", X)
one("Dropout", X)
one("Cast", X, to=TensorProto.DOUBLE)

# Arithmetic with broadcasting.
for operator in "Add Sub Mul Div".split():
    one(operator, [("a", [2, 3]), ("b", [2, 3])], name=f"{operator}_both", positive=True)
    one(operator, [("a", [1, 3, 4]), ("b", [3, 1])], name=f"{operator}_broadcast", positive=True)
    one(operator, [("a", [4]), ("b", [2, 3, 1])], name=f"{operator}_broadcast_both", positive=True)
    one(operator, X, [("c", weights(3) + 3.0)], name=f"{operator}_right", positive=True)
    one(operator, X, [("c", weights(2, 1) + 3.0)], name=f"{operator}_left", operands=["c", "x"], positive=True)
    one(operator, [("x", [1, 3, 2, 2])], [("c", weights(3, 1, 1) + 3.0)], name=f"{operator}_channels", positive=True)
    one(operator, [("x", [3])], [("c", weights(2, 3) + 3.0)], name=f"{operator}_grows", positive=True)
    one(operator, X, [("c", np.float64(2.5))], name=f"{operator}_number")
add("Mul_same", [helper.make_node("Mul", ["x", "x"], ["y"])], X)
add("Silu", [helper.make_node("Sigmoid", ["x"], ["s"]), helper.make_node("Mul", ["s", "x"], ["y"])], X)
for exponent in (2.0, 3.0, 0.5, -1.0, 1.7, 0.0, 1.0, -2.0):
    one("Pow", X, [("p", np.float64(exponent))], name=f"Pow_{exponent}", positive=True)
one("Pow", X, [("p", np.array([2.0, 0.5, 3.0]))], name="Pow_each", positive=True)
one("Pow", X, [("a", np.array([2.0, 0.5, 3.0]))], name="Pow_base", operands=["a", "x"])
one("Pow", [("a", [2, 3]), ("b", [3])], name="Pow_both", positive=True)
for operator in "Sum Mean Max Min".split():
    one(operator, [("a", [2, 3]), ("b", [3]), ("c", [2, 1])], name=f"{operator}_three")
    one(operator, X, [("c", weights(3))], name=f"{operator}_constant")
mask = np.array([[True, False, True], [False, False, True]])
one("Where", [("a", [2, 3]), ("b", [1, 3])], [("mask", mask)], operands=["mask", "a", "b"])
one("Where", X, [("mask", mask), ("c", np.float64(-2.0))], name="Where_constant", operands=["mask", "c", "x"])

# Matrix products.
for ta in (0, 1):
    for tb in (0, 1):
        one("Gemm", [("x", [4, 2] if ta else [2, 4])], [("w", weights(3, 4) if tb else weights(4, 3)), ("c", weights(3))],
            name=f"Gemm_{ta}{tb}", transA=ta, transB=tb, alpha=0.5, beta=2.0)
one("Gemm", [("x", [1, 4])], [("w", weights(4, 3))], name="Gemm_plain")
one("Gemm", [("x", [4, 3])], [("w", weights(2, 4)), ("c", weights(2, 1))], name="Gemm_left", operands=["w", "x", "c"])
one("Gemm", [("a", [2, 4]), ("b", [4, 3]), ("c", [3])], name="Gemm_variables", alpha=0.5, beta=3.0)
sparse = weights(6, 5) * (rng.uniform(size=(6, 5)) < 0.3)
one("Gemm", [("x", [1, 6])], [("w", sparse), ("c", weights(5))], name="Gemm_sparse")
one("MatMul", [("x", [3, 6])], [("w", sparse)], name="MatMul_sparse")
one("MatMul", [("x", [1, 4])], [("w", weights(4, 3))], name="MatMul_row")
one("MatMul", [("x", [2, 3, 4])], [("w", weights(4, 5))], name="MatMul_right")
one("MatMul", [("x", [2, 4, 3])], [("w", weights(5, 4))], name="MatMul_left", operands=["w", "x"])
one("MatMul", [("x", [2, 3, 4])], [("w", weights(2, 4, 5))], name="MatMul_batched_constant")
one("MatMul", [("x", [3, 4])], [("w", weights(2, 4, 5))], name="MatMul_spread_constant")
one("MatMul", [("x", [4])], [("w", weights(4, 5))], name="MatMul_vector")
one("MatMul", [("x", [4])], [("w", weights(5, 4))], name="MatMul_vector_left", operands=["w", "x"])
one("MatMul", [("x", [4])], [("w", weights(4))], name="MatMul_dot")
one("MatMul", [("a", [2, 3, 4]), ("b", [2, 4, 2])], name="MatMul_variables")
one("MatMul", [("a", [2, 1, 3, 4]), ("b", [3, 4, 2])], name="MatMul_variables_spread")
one("MatMul", [("a", [4]), ("b", [4])], name="MatMul_variables_dot")
for equation, a, b in [("ij,jk->ik", (2, 3), (3, 4)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("bhd,hdk->bhk", (2, 2, 3), (2, 3, 2)),
                       ("ij,kj->ki", (2, 3), (4, 3)), ("i,j->ij", (3,), (2,)), ("ij,ij->", (2, 3), (2, 3)),
                       ("ij,ij->i", (2, 3), (2, 3)), ("bijk,jl->bilk", (2, 2, 3, 2), (3, 2)), ("ij,j", (2, 3), (3,))]:
    safe = equation.replace(",", "_").replace("->", "_to_")
    one("Einsum", [("a", list(a)), ("b", list(b))], name=f"Einsum_{safe}", equation=equation)
    one("Einsum", [("a", list(a))], [("b", weights(*b))], name=f"Einsum_{safe}_right", equation=equation)
    one("Einsum", [("b", list(b))], [("a", weights(*a))], name=f"Einsum_{safe}_left", equation=equation, operands=["a", "b"])
one("Einsum", X, name="Einsum_transpose", equation="ij->ji")
one("Einsum", X, name="Einsum_sum", equation="ij->j")
for exclusive in (0, 1):
    for reverse in (0, 1):
        one("CumSum", [("x", [2, 4])], [("axis", np.int64(-1))], name=f"CumSum_{exclusive}{reverse}", exclusive=exclusive, reverse=reverse)

# Convolutions.
one("Conv", [("x", [1, 2, 7])], [("w", weights(3, 2, 3)), ("b", weights(3))], name="Conv_1d")
one("Conv", [("x", [1, 2, 7])], [("w", weights(3, 2, 3))], name="Conv_1d_dilated", dilations=[2], strides=[2], pads=[3, 1])
one("Conv", [("x", [2, 4, 5, 6])], [("w", weights(6, 2, 3, 2)), ("b", weights(6))], name="Conv_2d_groups", group=2, strides=[2, 1], pads=[1, 0, 0, 1])
one("Conv", [("x", [1, 3, 4, 5])], [("w", weights(3, 1, 3, 3))], name="Conv_depthwise", group=3)
one("Conv", [("x", [1, 1, 3, 4, 3])], [("w", weights(2, 1, 2, 3, 2))], name="Conv_3d", pads=[1, 1, 0, 0, 1, 1])
for pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    one("Conv", [("x", [1, 1, 5, 6])], [("w", weights(2, 1, 4, 3))], name=f"Conv_{pad}", auto_pad=pad, strides=[2, 2])
one("ConvTranspose", [("x", [1, 2, 5])], [("w", weights(2, 3, 3)), ("b", weights(3))], name="ConvTranspose_1d")
one("ConvTranspose", [("x", [1, 2, 3, 4])], [("w", weights(2, 3, 3, 2))], name="ConvTranspose_2d", strides=[2, 3], pads=[1, 0, 2, 1], output_padding=[1, 1])


def transposed_in_groups(x, w, groups, stride):
    """From the definition; the reference evaluator cannot do groups."""
    n, c, h, v = x.shape
    _, outs, p, q = w.shape
    y = np.zeros((n, groups * outs, stride * (h - 1) + p, stride * (v - 1) + q))
    for g in range(groups):
        for k in range(g * c // groups, (g + 1) * c // groups):
            for o in range(outs):
                for i in range(h):
                    for j in range(v):
                        y[0, g * outs + o, stride * i : stride * i + p, stride * j : stride * j + q] += x[0, k, i, j] * w[k, o]
    return y


kernel = weights(4, 3, 3, 2)
one("ConvTranspose", [("x", [1, 4, 3, 3])], [("w", kernel)], name="ConvTranspose_groups", group=2, strides=[2, 2],
    expected=lambda x: transposed_in_groups(x, kernel, 2, 2))
one("ConvTranspose", [("x", [1, 4, 3, 3])], [("w", kernel)], name="ConvTranspose_shape", group=2, strides=[2, 2], output_shape=[6, 5],
    expected=lambda x: transposed_in_groups(x, kernel, 2, 2)[:, :, 1:, 1:])
one("ConvTranspose", [("x", [1, 1, 3, 3])], [("w", weights(1, 2, 2, 2))], name="ConvTranspose_dilated", dilations=[2, 2])
one("ConvTranspose", [("x", [1, 1, 3, 3])], [("w", weights(1, 2, 3, 3))], name="ConvTranspose_pads_deep", pads=[2, 2, 2, 2])

# Pools.
for operator in ("MaxPool", "AveragePool"):
    one(operator, [("x", [1, 2, 8])], name=f"{operator}_1d", kernel_shape=[3], strides=[2])
    one(operator, [("x", [2, 2, 5, 6])], name=f"{operator}_2d", kernel_shape=[2, 3], strides=[1, 2], pads=[1, 0, 0, 1])
    one(operator, [("x", [1, 1, 5, 5])], name=f"{operator}_ceil", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    one(operator, [("x", [1, 1, 3, 4, 3])], name=f"{operator}_3d", kernel_shape=[2, 2, 2])
    one(operator, [("x", [1, 1, 5, 6])], name=f"{operator}_same", kernel_shape=[3, 2], auto_pad="SAME_UPPER", strides=[2, 2])
one("MaxPool", [("x", [1, 1, 7])], name="MaxPool_dilated", kernel_shape=[3], dilations=[2])
one("AveragePool", [("x", [1, 1, 4, 4])], name="AveragePool_count", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
for operator in ("GlobalMaxPool", "GlobalAveragePool"):
    one(operator, [("x", [2, 3, 4, 2])])

# Normalizations.
for shape in ([1, 3, 2, 2], [2, 3], [1, 3, 4]):
    channels = [("s", weights(3)), ("b", weights(3)), ("m", weights(3)), ("v", rng.uniform(0.5, 2.0, 3))]
    one("BatchNormalization", [("x", shape)], channels, name=f"BatchNormalization_{len(shape)}d", epsilon=0.25)
one("InstanceNormalization", [("x", [2, 3, 2, 2])], [("s", weights(3)), ("b", weights(3))], epsilon=0.25)
one("LayerNormalization", [("x", [2, 3, 4])], [("s", weights(4)), ("b", weights(4))], epsilon=0.25)
one("LayerNormalization", [("x", [2, 3, 4])], [("s", weights(3, 4))], name="LayerNormalization_axis", axis=1, epsilon=0.25)
one("GroupNormalization", [("x", [2, 4, 3])], [("s", weights(4)), ("b", weights(4))], opset=21, num_groups=2, epsilon=0.25)
one("RMSNormalization", [("x", [2, 3, 4])], [("s", weights(4))], opset=23, epsilon=0.25)
one("LpNormalization", X, name="LpNormalization_2", axis=-1, p=2)
one("LpNormalization", X, name="LpNormalization_1", axis=0, p=1, expected=lambda x: x / np.abs(x).sum(0, keepdims=True))
for operator in ("Softmax", "LogSoftmax"):
    for axis in (0, 1, -1):
        one(operator, [("x", [2, 3, 2])], name=f"{operator}_axis_{axis}", axis=axis)
    one(operator, [("x", [2, 3])], name=f"{operator}_large", axis=1)

# Reductions.
reductions = "Sum Mean Max Min Prod SumSquare L1 L2 LogSum LogSumExp".split()
for kind in reductions:
    operator = f"Reduce{kind}"
    one(operator, [("x", [2, 3, 4])], [("axes", np.array([1]))], name=f"{operator}_1", positive=True)
    one(operator, [("x", [2, 3, 4])], [("axes", np.array([0, -1]))], name=f"{operator}_2", keepdims=0, positive=True)
    one(operator, [("x", [2, 3])], name=f"{operator}_all", positive=True)
    one(operator, [("x", [2, 3])], name=f"{operator}_old", opset=11, axes=[-1], keepdims=0, positive=True)
one("ReduceSum", X, name="ReduceSum_nothing", noop_with_empty_axes=1)

# Movements.
S = [("x", [2, 3, 4])]
one("Reshape", S, [("shape", np.array([0, -1]))])
one("Reshape", S, [("shape", np.array([4, 1, 6]))], name="Reshape_other")
for axis in (0, 1, 2, 3, -1):
    one("Flatten", S, name=f"Flatten_{axis}", axis=axis)
one("Transpose", S)
one("Transpose", S, name="Transpose_perm", perm=[1, 0, 2])
one("Squeeze", [("x", [1, 3, 1])])
one("Squeeze", [("x", [1, 3, 1])], [("axes", np.array([-1]))], name="Squeeze_axis")
one("Squeeze", [("x", [1, 3, 1])], name="Squeeze_old", opset=11, axes=[0])
one("Unsqueeze", X, [("axes", np.array([0, -1]))])
one("Unsqueeze", X, name="Unsqueeze_old", opset=11, axes=[1])
one("Concat", [("a", [2, 3]), ("b", [2, 1])], [("c", weights(2, 2))], axis=1)
one("Concat", [("a", [2, 3]), ("b", [1, 3])], name="Concat_first", axis=0)
one("Split", [("x", [2, 6])], outputs=("p", "q", "r"), axis=1, num_outputs=3)
one("Split", [("x", [2, 7])], outputs=("p", "q", "r"), name="Split_uneven", axis=1, num_outputs=3)
one("Split", [("x", [2, 6])], [("parts", np.array([1, 5]))], outputs=("p", "q"), name="Split_parts", axis=-1)
one("Split", [("x", [2, 6])], outputs=("p", "q"), name="Split_old", opset=11, axis=1, split=[4, 2])
i64 = lambda *v: np.array(v, dtype=np.int64)
one("Slice", S, [("starts", i64(1, 0)), ("ends", i64(3, -1)), ("axes", i64(1, 2))])
one("Slice", S, [("starts", i64(-1)), ("ends", i64(-100)), ("axes", i64(2)), ("steps", i64(-2))], name="Slice_back")
one("Slice", S, [("starts", i64(0, 0, 1)), ("ends", i64(10, 2**62, 4)), ("axes", i64(0, 1, 2)), ("steps", i64(1, 2, 2))], name="Slice_steps")
one("Slice", S, name="Slice_old", opset=9, starts=[0, 1], ends=[2, 3], axes=[0, 1])
one("Gather", S, [("indices", i64(2, 0, -1))], axis=1)
one("Gather", S, [("indices", np.int64(1))], name="Gather_number", axis=2)
one("Gather", S, [("indices", i64(1, 0, 0, 1).reshape(2, 2))], name="Gather_matrix")
one("GatherElements", X, [("indices", i64(1, 0, 2, 0).reshape(2, 2))], axis=1)
one("GatherND", S, [("indices", i64(0, 1, 1, 2).reshape(2, 2))])
one("GatherND", S, [("indices", i64(2, 0).reshape(2, 1))], name="GatherND_batch", batch_dims=1)
one("Pad", X, [("pads", i64(1, 0, 0, 2))], mode="constant")
one("Pad", X, [("pads", i64(1, 0, 0, 2)), ("value", np.float64(1.5))], name="Pad_value")
for mode in ("reflect", "edge"):
    one("Pad", [("x", [3, 4])], [("pads", i64(2, 1, 1, 3))], name=f"Pad_{mode}", mode=mode)
one("Pad", [("x", [3, 4])], [("pads", i64(0, 2, 0, 1))], name="Pad_wrap", opset=19, mode="wrap")
one("Pad", [("x", [3, 4])], [("pads", i64(-1, 0, 0, -2))], name="Pad_negative", expected=lambda x: x[1:, :2])
one("Expand", [("x", [3, 1])], [("shape", i64(2, 1, 4))])
one("Tile", X, [("repeats", i64(2, 3))])
for mode in ("DCR", "CRD"):
    one("DepthToSpace", [("x", [1, 8, 2, 3])], name=f"DepthToSpace_{mode}", blocksize=2, mode=mode)
one("SpaceToDepth", [("x", [1, 2, 4, 6])], blocksize=2)
for upper in (0, 1):
    one("Trilu", [("x", [2, 3, 4])], [("k", np.int64(upper))], name=f"Trilu_{upper}", upper=upper)

# Resampling.
image = [("x", [1, 2, 3, 4])]
none = np.array([], dtype=np.float64)
for mode in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"):
    for how in ("linear", "cubic"):
        one("Resize", image, [("roi", none), ("scales", np.array([1, 1, 2, 1.5], dtype=np.float32))], name=f"Resize_{how}_{mode}",
            operands=["x", "roi", "scales"], mode=how, coordinate_transformation_mode=mode)
    for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        one("Resize", image, [("sizes", i64(1, 2, 5, 6))], name=f"Resize_{nearest}_{mode}", operands=["x", "", "", "sizes"],
            mode="nearest", coordinate_transformation_mode=mode, nearest_mode=nearest)
one("Resize", image, [("scales", np.array([2, 2], dtype=np.float32))], name="Resize_axes", operands=["x", "", "scales"], axes=[2, 3], mode="nearest")
one("Resize", image, [("sizes", i64(1, 2, 2, 3))], name="Resize_down", operands=["x", "", "", "sizes"], mode="linear")
one("Upsample", image, [("scales", np.array([1, 1, 2, 3], dtype=np.float32))], opset=9, mode="nearest")

# Shapes computed in the model, constants as nodes, functions, branches, several inputs and outputs.
node = helper.make_node
flatten = [
    node("Shape", ["x"], ["s"]),
    node("Constant", [], ["zero"], value=constant("zero", np.int64(0))),
    node("Gather", ["s", "zero"], ["n"]),
    node("Constant", [], ["axes"], value_ints=[0]),
    node("Unsqueeze", ["n", "axes"], ["n1"]),
    node("Constant", [], ["rest"], value_ints=[-1]),
    node("Concat", ["n1", "rest"], ["shape"], axis=0),
    node("Reshape", ["x", "shape"], ["y"]),
]
add("shape_arithmetic", flatten, S)
add("range_and_mod", [
    node("Range", ["zero", "n", "one"], ["r"]),
    node("Mod", ["r", "two"], ["odd"]),
    node("Cast", ["odd"], ["mask"], to=TensorProto.BOOL),
    node("Where", ["mask", "x", "c"], ["y"]),
], [("x", [5])], [("zero", np.int64(0)), ("n", np.int64(5)), ("one", np.int64(1)), ("two", np.int64(2)), ("c", np.float64(0.5))])
add("constant_of_shape", [
    node("ConstantOfShape", ["s"], ["ones"], value=constant("v", np.array([1.0]))),
    node("Trilu", ["ones"], ["lower"], upper=0),
    node("MatMul", ["lower", "x"], ["y"]),
], [("x", [4, 2])], [("s", i64(4, 4))])
double = helper.make_function("local", "ScaledTanh", ["a"], ["b"],
    [node("Tanh", ["a"], ["t"]), node("Constant", [], ["k"]), node("Mul", ["t", "k"], ["b"])],
    [helper.make_opsetid("", 18)], ["factor"])
reference = onnx.AttributeProto(name="value_float", type=onnx.AttributeProto.FLOAT, ref_attr_name="factor")
double.node[1].attribute.append(reference)
cast_k = node("CastLike", ["k", "t"], ["kd"])
double.node.insert(2, cast_k)
double.node[3].input[1] = "kd"
add("function", [node("ScaledTanh", ["x"], ["z"], domain="local", factor=0.5), node("ScaledTanh", ["z"], ["y"], domain="local", factor=2.0)],
    X, functions=[double], extra=["local"])
branch = lambda op: helper.make_graph([node(op, ["x"], ["r"])], "branch", [], [helper.make_tensor_value_info("r", TensorProto.DOUBLE, None)])
add("If", [node("If", ["c"], ["y"], then_branch=branch("Sin"), else_branch=branch("Cos"))], X, [("c", np.array(False))])
add("two_outputs", [node("MatMul", ["a", "w"], ["p"]), node("Mul", ["p", "b"], ["q"]), node("Tanh", ["q"], ["r"])],
    [("a", [1, 3]), ("b", [1, 2])], [("w", weights(3, 2))], outputs=("r", "p", "a"))
add("free_axis_of_samples", [node("Gemm", ["x", "w"], ["y"])], [("x", ["batch", 3])], [("w", weights(3, 2))])

# Networks.
def linear(x, n, m, y, tag):
    return [node("MatMul", [x, f"w{tag}"], [f"p{tag}"]), node("Add", [f"p{tag}", f"b{tag}"], [y])], [(f"w{tag}", weights(n, m, scale=n**-0.5)), (f"b{tag}", weights(m))]


heads, width, length = 2, 4, 3
nodes, constants = [], []
for tag in "qkv":
    made, given = linear("x", width, width, f"{tag}0", tag)
    nodes += made
    constants += given
    nodes += [node("Reshape", [f"{tag}0", "split"], [f"{tag}1"]), node("Transpose", [f"{tag}1"], [f"{tag}2"], perm=[0, 2, 1, 3])]
nodes += [
    node("Transpose", ["k2"], ["k3"], perm=[0, 1, 3, 2]),
    node("MatMul", ["q2", "k3"], ["scores"]),
    node("Div", ["scores", "root"], ["scaled"]),
    node("Add", ["scaled", "causal"], ["masked"]),
    node("Softmax", ["masked"], ["attention"], axis=-1),
    node("MatMul", ["attention", "v2"], ["heads"]),
    node("Transpose", ["heads"], ["turned"], perm=[0, 2, 1, 3]),
    node("Reshape", ["turned", "joined"], ["context"]),
]
made, given = linear("context", width, width, "projected", "o")
nodes += made + [node("Add", ["x", "projected"], ["sum1"]), node("LayerNormalization", ["sum1", "g1", "h1"], ["norm1"], epsilon=0.25)]
constants += given
made, given = linear("norm1", width, 2 * width, "hidden", "f")
nodes += made + [node("Gelu", ["hidden"], ["active"])]
constants += given
made, given = linear("active", 2 * width, width, "back", "g")
nodes += made + [node("Add", ["norm1", "back"], ["sum2"]), node("LayerNormalization", ["sum2", "g1", "h1"], ["y"], epsilon=0.25)]
constants += given
constants += [("split", i64(0, 0, heads, width // heads)), ("joined", i64(0, 0, width)), ("root", np.float64(math.sqrt(width // heads))),
              ("causal", np.triu(np.full((length, length), -30.0), 1)), ("g1", weights(width)), ("h1", weights(width))]
add("transformer_block", nodes, [("x", [1, length, width])], constants, opset=20)

add("residual_cnn", [
    node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]), node("BatchNormalization", ["c1", "s", "h", "m", "v"], ["n1"], epsilon=0.25),
    node("Softplus", ["n1"], ["a1"]), node("Conv", ["a1", "w2"], ["c2"], pads=[1, 1, 1, 1]), node("Add", ["c2", "n1"], ["r"]),
    node("Tanh", ["r"], ["a2"]), node("AveragePool", ["a2"], ["pool"], kernel_shape=[2, 2], strides=[2, 2]), node("Flatten", ["pool"], ["flat"]),
    node("Gemm", ["flat", "w3", "b3"], ["y"]),
], [("x", [1, 1, 4, 4])], [("w1", weights(3, 1, 3, 3)), ("b1", weights(3)), ("s", weights(3)), ("h", weights(3)), ("m", weights(3)),
    ("v", rng.uniform(0.5, 2, 3)), ("w2", weights(3, 3, 3, 3, scale=0.3)), ("w3", weights(12, 2)), ("b3", weights(2))])

add("gated", [
    node("Conv", ["x", "w"], ["z"], dilations=[2], pads=[2, 0]), node("Split", ["z"], ["f", "g"], axis=1, num_outputs=2),
    node("Tanh", ["f"], ["tf"]), node("Sigmoid", ["g"], ["sg"]), node("Mul", ["tf", "sg"], ["gate"]),
    node("Conv", ["gate", "v"], ["out"]), node("Add", ["out", "x"], ["y"]),
], [("x", [1, 2, 6])], [("w", weights(6, 2, 2)), ("v", weights(2, 3, 1))])

buses, lines = 4, np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2]])
add("power_flow", [
    node("Split", ["x", "halves"], ["v", "t"], axis=0), node("Gather", ["t", "from"], ["tf"]), node("Gather", ["t", "to"], ["tt"]),
    node("Sub", ["tf", "tt"], ["d"]), node("Gather", ["v", "from"], ["vf"]), node("Gather", ["v", "to"], ["vt"]), node("Mul", ["vf", "vt"], ["vv"]),
    node("Sin", ["d"], ["sin"]), node("Cos", ["d"], ["cos"]), node("Mul", ["sin", "b"], ["bs"]), node("Mul", ["cos", "g"], ["gc"]),
    node("Add", ["bs", "gc"], ["sc"]), node("Mul", ["vv", "sc"], ["flow"]), node("MatMul", ["incidence", "flow"], ["y"]),
], [("x", [2 * buses])], [("halves", i64(buses, buses)), ("from", lines[:, 0]), ("to", lines[:, 1]), ("b", weights(5)), ("g", weights(5)),
    ("incidence", np.array([[float(f == k) - float(t == k) for f, t in lines] for k in range(buses)]))])

# The reference evaluator computes these with numbers of 32 bits.
SHORT = ("Erf", "Gelu", "GroupNormalization", "HardSwish", "Selu", "Resize_cubic", "transformer_block")

# Models that must be refused; the name begins with what the error must name.
refused = {}


def refuse(name, nodes, inputs, constants=(), opset=18, kind=TensorProto.DOUBLE, domains=()):
    given = [helper.make_tensor_value_info(n, kind, s) for n, s in inputs]
    graph = helper.make_graph(list(nodes), "g", given, [helper.make_tensor_value_info("y", kind, None)], [constant(n, v) for n, v in constants])
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]
    refused[name] = helper.make_model(graph, opset_imports=imports, ir_version=9).SerializeToString()


refuse("LSTM", [node("LSTM", ["x", "w", "r"], ["y"], hidden_size=2)], [("x", [3, 1, 2])], [("w", weights(1, 8, 2)), ("r", weights(1, 8, 2))])
refuse("TopK", [node("TopK", ["x", "k"], ["y", "i"])], X, [("k", i64(1))])
refuse("Floor", [node("Floor", ["x"], ["y"])], X)
refuse("Sign", [node("Sign", ["x"], ["y"])], X)
refuse("ArgMax", [node("ArgMax", ["x"], ["y"])], X)
refuse("If", [node("Cast", ["x"], ["c"], to=TensorProto.DOUBLE), node("If", ["c"], ["y"], then_branch=branch("Sin"), else_branch=branch("Cos"))], [("x", [1])])
refuse("Loop", [node("Loop", ["n", "", "x"], ["y"], body=branch("Sin"))], X, [("n", np.int64(3))])
refuse("FusedThing", [node("FusedThing", ["x"], ["y"], domain="com.example")], X, domains=["com.example"])
refuse("6", [node("Tanh", ["x"], ["y"])], X, opset=6)
refuse("99", [node("Tanh", ["x"], ["y"])], X, opset=99)
refuse("x", [node("Tanh", ["x"], ["y"])], X, kind=TensorProto.INT64)
refuse("BatchNormalization", [node("BatchNormalization", ["x", "a", "a", "a", "a"], ["y"], training_mode=1)], [("x", [1, 2, 3])], [("a", np.ones(2))])
refuse("Dropout", [node("Dropout", ["x", "r", "t"], ["y"])], X, [("r", np.float32(0.5)), ("t", np.array(True))])
refuse("Conv", [node("Conv", ["x", "w"], ["y"])], [("x", [1, 1, 4]), ("w", [1, 1, 2])])
refuse("Gather", [node("Gather", ["x", "i"], ["y"])], [("x", [3]), ("i", [1])])
refuse("Where", [node("Where", ["x", "x", "x"], ["y"])], X)
refuse("Reshape", [node("Reshape", ["x", "s"], ["y"])], [("x", [4]), ("s", [1])])
refuse("DequantizeLinear", [node("DequantizeLinear", ["x", "s"], ["y"])], X, [("s", np.float64(0.5))])
refuse("RandomNormalLike", [node("RandomNormalLike", ["x"], ["y"])], X)
refuse("Resize", [node("Resize", ["x", "", "s"], ["y"], mode="linear", antialias=1)], [("x", [1, 1, 4, 4])], [("s", np.array([1, 1, 0.5, 0.5], dtype=np.float32))])
refuse("MaxPool", [node("MaxPool", ["x"], ["z", "y"], kernel_shape=[2])], [("x", [1, 1, 4])])
refuse("StringNormalizer", [node("StringNormalizer", ["x"], ["y"])], X)

if __name__ == "__main__":
    arrays = {}
    for name, (model, x, y) in models.items():
        arrays[f"{name}.model"] = np.frombuffer(model, dtype=np.uint8)
        arrays[f"{name}.x"], arrays[f"{name}.y"] = x, y
        arrays[f"{name}.tolerance"] = np.array([1e-5 if name.startswith(SHORT) else 1e-12])
    np.savez_compressed("operators.npz", **arrays)
    np.savez_compressed("refused.npz", **{name: np.frombuffer(model, dtype=np.uint8) for name, model in refused.items()})
    print(len(models), "models,", len(refused), "to be refused")

"""Makes the seed corpora: python seeds.py FOLDER writes FOLDER/TARGET/… from data/ and a few lines of its own."""

import io
import json
import pathlib
import random
import struct
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def npy(kind, shape, numbers):
    """A file of version 1.0 in C order."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + numbers


def npz(arrays, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, contents in arrays.items():
            archive.writestr(name + ".npy", contents)
    return buffer.getvalue()


def safetensors(tensors):
    header, data = {}, b""
    for name, shape in tensors.items():
        count = 1
        for length in shape:
            count *= length
        numbers = struct.pack(f"<{count}f", *(0.1 * ((7 * k) % 11 - 5) for k in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(numbers)]}
        data += numbers
    header = json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def seeds():
    for path in sorted(ROOT.glob("data/**/*.safetensors")):
        yield "native", path.name, path.read_bytes()

    doubles = struct.pack("<6d", *range(6))
    arrays = {kind: npy(kind, [2, 3], doubles[: 6 * int(kind[2:])]) for kind in ("<f8", ">f4", "<f2", "|u1", "<i8")}
    for kind, contents in arrays.items():
        yield "numpy", kind[1:] + ".npy", contents
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield "numpy", f"{method}.npz", npz({k[1:]: v for k, v in arrays.items()}, method)

    for k, field in enumerate(("real", "pattern", "integer", "complex")):
        number = ["0.5", "", "3", "1 2"][k]
        for symmetry in ("general", "symmetric", "skew-symmetric"):
            text = f"%%MatrixMarket matrix coordinate {field} {symmetry}\n% a comment\n3 3 2\n2 1 {number}\n3 2 {number}\n"
            yield "matrix_market", f"{field}_{symmetry}.mtx", text.encode()
    yield "matrix_market", "array.mtx", b"%%MatrixMarket matrix array real general\n2 2\n1\n0\n0\n2.5\n"

    mlp = {"0.weight": [4, 3], "0.bias": [4], "2.weight": [2, 4], "2.bias": [2]}
    conv = {"conv.weight": [2, 1, 3], "conv.bias": [2], "bn.weight": [2], "bn.bias": [2], "bn.running_mean": [2],
            "bn.running_var": [2], "fc.weight": [1, 4]}
    archs = {
        "mlp tanh": mlp,
        "mlp tanh; output sigmoid": mlp,
        "input 3; linear 0; tanh; linear 2": mlp,
        "input 1x4; conv conv stride 1 padding 1; batch_norm bn eps 1e-3; relu; max_pool 2; flatten; linear fc": conv,
        json.dumps({"input": [3], "layers": [{"linear": "0"}, "tanh", {"linear": "2"}]}): mlp,
    }
    for k, (arch, tensors) in enumerate(archs.items()):
        yield "state_dict", f"{k}.safetensors", arch.encode() + b"\0" + safetensors(tensors)
    arrays = {name: npy("<f4", shape, b"\x00\x00\x80\x3e" * (shape[0] * (shape[1] if shape[1:] else 1)))
              for name, shape in mlp.items()}
    yield "state_dict", "mlp.npz", b"mlp tanh\0" + npz(arrays, zipfile.ZIP_STORED)

    # Choices: what is made of them is for the fuzzer to find out.
    source = random.Random(1)
    for k in range(200):
        yield "onnx_graph", f"{k}", source.randbytes(300)


for target, name, contents in seeds():
    folder = pathlib.Path(sys.argv[1], target)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(contents)

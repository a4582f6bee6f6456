"""Writing and reading the colorjet network format, version 1.

A network is one safetensors file.  Its tensors are the weights and index
arrays; its metadata holds, under the key "colorjet", a JSON text with the
layers and the names of the outputs.
"""
import json
import os

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save as to_bytes


def save(path, layers, outputs, tensors, **metadata):
    """Write the network `layers` with weights `tensors` (name -> array) to `path`."""
    graph = {"version": 1, "layers": layers, "outputs": outputs}
    save_tensors(path, tensors, colorjet=json.dumps(graph), **metadata)


def save_tensors(path, tensors, **metadata):
    """Write plain tensors (and string metadata) to `path`, atomically."""
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    with open(path + ".part", "wb") as file:
        file.write(to_bytes(tensors, metadata=metadata or None))
    os.replace(path + ".part", path)


def load(path):
    """Return (layers, outputs, tensors) of the network in `path`."""
    with safe_open(path, framework="numpy") as file:
        graph = json.loads(file.metadata()["colorjet"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    assert graph["version"] == 1, "unknown version of the format"
    return graph["layers"], graph["outputs"], tensors


def load_tensors(path):
    """Return the tensors of a safetensors file as a dictionary."""
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}

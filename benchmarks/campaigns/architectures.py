"""Make runnable models of the structure files that the onnx package ships, and data to calibrate them with.

The files (onnx/backend/test/data/light) hold the graphs of well-known networks with constant weights and batch 1. Here
weights are drawn (He et al. 2015, seeded), batch normalisation gets the statistics of noise images, the batch is freed,
also in Reshape, and smaller inputs are made where the graph allows. What such networks answer means nothing; their
graphs, and so their speed and memory, are those of the real ones.

    python benchmarks/campaigns/architectures.py FOLDER

The intent that measures them, architectures.yaml, is put beside them. Called again, what is there is only checked.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
FULL = 224
SMALLER = (224, 160, 96)
SIZES = {
    "resnet50": SMALLER,
    "squeezenet": SMALLER,
    "shufflenet": SMALLER,
    "densenet121": SMALLER,
    "inception_v1": SMALLER,
    "inception_v2": SMALLER,
    "bvlc_alexnet": (FULL,),  # its first linear layer takes 6 x 6 and nothing else
}
OPSET = 13
SEED = 0
SAMPLES = 16

Arrays = dict[str, np.ndarray[Any, Any]]


def built(name: str, size: int) -> onnx.ModelProto:
    """One network with drawn weights, a free batch and square images of ``size`` pixels.

    Args:
        name: Of its structure file.
        size: A multiple of 32.
    """
    graph = onnx.load(LIGHT / f"light_{name}.onnx").graph
    weights = _drawn(graph, np.random.default_rng([SEED, *name.encode()]))
    nodes = _folded(graph, weights)
    given = next(port.name for port in graph.input if port.name not in weights)
    for node in nodes:
        node.input[:] = [f"image_{size}" if key == given else key for key in node.input]
        if node.op_type == "Reshape":
            key = f"{node.output[0]}_shape"
            weights[key] = _shape(weights[node.input[1]], size)
            node.input[1] = key
        elif node.op_type == "AveragePool" and 7 in next(a.ints for a in node.attribute if a.name == "kernel_shape"):
            node.op_type = "GlobalAveragePool"  # the same for 224 pixels, and right for all others
            del node.attribute[:]
        elif node.op_type == "Softmax":
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("axis", 1))
    shape = [dim.dim_value for dim in graph.output[0].type.tensor_type.shape.dim]
    model = _model(f"{name}-{size}", nodes, weights, size, {graph.output[0].name: ["n", *shape[1:]]})
    _normalise(model, size)
    onnx.checker.check_model(model, full_check=True)
    return model


def _drawn(graph: onnx.GraphProto, generator: np.random.Generator) -> Arrays:
    """Every stored array by name: kernels drawn, scales one, biases zero; shapes and indices as they are."""
    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    weights = {key: np.zeros_like(array) if array.dtype == np.float32 else array for key, array in stored.items()}
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            weights[node.output[0]] = np.zeros(stored[node.input[0]], np.float32)
    alias = {node.output[0]: node.input[0] for node in graph.node if node.op_type in {"Reshape", "Unsqueeze"}}
    for node in graph.node:
        for place, key in enumerate(node.input):
            weight = alias.get(key, key)
            if weight not in weights:
                continue
            shape = weights[weight].shape
            if node.op_type in {"Conv", "Gemm"} and place == 1:
                # Linear layers are stored with one row an output, some as 1 x 1 images.
                deep = np.prod([size for size in shape if size > 1][1:])
                drawn = generator.standard_normal(shape) * np.sqrt(2 / deep)
                weights[weight] = drawn.astype(np.float32)
            elif (node.op_type, place) in {("BatchNormalization", 1), ("BatchNormalization", 4), ("Mul", 1)}:
                weights[weight] = np.ones(shape, np.float32)
    return weights


def _folded(graph: onnx.GraphProto, weights: Arrays) -> list[onnx.NodeProto]:
    """The operators that remain when constants are stored in place and Dropout, which does nothing here, is gone."""
    nodes: list[onnx.NodeProto] = []
    instead: dict[str, str] = {}
    for node in graph.node:
        node.input[:] = [instead.get(key, key) for key in node.input]
        if node.op_type == "Dropout":
            instead[node.output[0]] = node.input[0]
        elif node.op_type == "Unsqueeze" and node.input[0] in weights:
            axes = next(a.ints for a in node.attribute if a.name == "axes")
            weights[node.output[0]] = np.expand_dims(weights[node.input[0]], tuple(axes))
        elif node.op_type == "Reshape" and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]].reshape(weights[node.input[1]])
        elif node.op_type != "ConstantOfShape":
            nodes.append(node)
    return nodes


def _shape(full: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """A target of Reshape with the batch as it comes, and height and width for another image size."""
    shape = [0, *(int(one) for one in full[1:])]
    if len(shape) > 2:
        shape[-2:] = [one * size // FULL for one in shape[-2:]]
    return np.array(shape, np.int64)


def _model(
    name: str, nodes: list[onnx.NodeProto], weights: Arrays, size: int, outputs: dict[str, list[int | str] | None]
) -> onnx.ModelProto:
    used = {key for node in nodes for key in node.input}
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(f"image_{size}", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in outputs.items()],
        [numpy_helper.from_array(array, key) for key, array in weights.items() if key in used],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", OPSET)])


def _normalise(model: onnx.ModelProto, size: int) -> None:
    """Give every batch normalisation the mean and variance of its input on noise images.

    In a copy each one is written out, so that it normalises by the statistics at hand and gives them away: one run
    yields all of them, consistent with one another.
    """
    probe, outputs = onnx.ModelProto(), []
    probe.CopyFrom(model)
    nodes: list[onnx.NodeProto] = []
    for node in probe.graph.node:
        if node.op_type != "BatchNormalization":
            nodes.append(node)
            continue
        x, y = node.input[0], node.output[0]
        mean, centred, square, variance, safe, root = (
            f"{y}_{end}" for end in ("mean", "c", "sq", "var", "safe", "root")
        )
        nodes += [
            helper.make_node("ReduceMean", [x], [mean], axes=[0, 2, 3], keepdims=1),
            helper.make_node("Sub", [x, mean], [centred]),
            helper.make_node("Mul", [centred, centred], [square]),
            helper.make_node("ReduceMean", [square], [variance], axes=[0, 2, 3], keepdims=1),
            helper.make_node("Add", [variance, "epsilon"], [safe]),
            helper.make_node("Sqrt", [safe], [root]),
            helper.make_node("Div", [centred, root], [y]),
        ]
        outputs += [mean, variance]
    if not outputs:
        return
    del probe.graph.node[:], probe.graph.output[:]
    probe.graph.node.extend(nodes)
    probe.graph.initializer.append(numpy_helper.from_array(np.array(1e-5, np.float32), "epsilon"))
    probe.graph.output.extend(helper.make_tensor_value_info(key, TensorProto.FLOAT, None) for key in outputs)
    read = {key for node in nodes for key in node.input}
    kept = [each for each in probe.graph.initializer if each.name in read]
    del probe.graph.initializer[:]
    probe.graph.initializer.extend(kept)
    session = ort.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    found = dict(zip(outputs, session.run(outputs, {f"image_{size}": images(size, SAMPLES)}), strict=True))
    stored = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            for key, end in ((node.input[3], "mean"), (node.input[4], "var")):
                array = np.maximum(found[f"{node.output[0]}_{end}"].ravel(), 1e-3 if end == "var" else -np.inf)
                stored[key].CopyFrom(numpy_helper.from_array(array.astype(np.float32), key))


def images(size: int, count: int) -> np.ndarray[Any, Any]:
    """Noise images, shape (count, 3, size, size): coarse shapes under fine grain, mean 0 and deviation about 1."""
    generator = np.random.default_rng([SEED, size])
    coarse = generator.standard_normal((count, 3, size // 16, size // 16)).repeat(16, axis=2).repeat(16, axis=3)
    return ((coarse + 0.5 * generator.standard_normal((count, 3, size, size))) / 1.12).astype(np.float32)


def check(path: Path, size: int) -> str:
    """Run a model with two batch sizes; its scores must be finite, differ between images, and not between batches."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = images(size, 4)
    together = session.run(None, {f"image_{size}": given})[0].reshape(4, -1)
    alone = session.run(None, {f"image_{size}": given[:1]})[0].reshape(1, -1)
    assert np.isfinite(together).all(), f"{path}: scores are not finite"
    assert np.ptp(together, axis=0).max() > 1e-5, f"{path}: scores do not depend on the image"
    assert np.allclose(together[:1], alone, rtol=1e-2, atol=1e-4), f"{path}: scores depend on the batch"
    return f"{path.name}: {path.stat().st_size / 2**20:.1f} MiB, largest score {together.max():.3f}"


def main() -> None:
    """Write all models, calibration data and the intent into a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, sizes in SIZES.items():
        for size in sizes:
            path = folder / f"{name.removeprefix('bvlc_').replace('_', '-')}-{size}.onnx"
            if not path.exists():
                part = path.with_suffix(".part")
                onnx.save(built(name, size), part)
                part.replace(path)
            print(check(path, size), flush=True)
    shutil.copy(Path(__file__).with_suffix(".yaml"), folder / "intent.yaml")
    np.savez(folder / "calibration.npz", **{f"image_{size}": images(size, SAMPLES) for size in SMALLER})


if __name__ == "__main__":
    main()

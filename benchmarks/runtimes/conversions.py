"""What conversions cost: outputs and accuracy of every variant of the digits models against the model as given.

The relative difference is the largest |difference| of a sample's scores over its largest |score|, the worst of all 600
evaluation samples and the median; the models as given run on ONNX Runtime, or LiteRT for .tflite.

    python benchmarks/runtimes/conversions.py
"""

from __future__ import annotations

import tempfile
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import ModelError
from autoedge.models.cache import VariantCache
from autoedge.models.inspect import inspect_model
from autoedge.models.makers import CALIBRATED, MAKERS
from autoedge.models.onnx_twin import TOOLS, to_onnx
from autoedge.models.variants import make_variant
from autoedge.preprocessing.fit import fit_array
from autoedge.registry import places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autoedge.models.info import ModelInfo

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
MODELS = (
    "conv-large.onnx",
    "resnet.onnx",
    "conv-separable.onnx",
    "conv-tiny.onnx",
    "mlp.onnx",
    "conv-any.onnx",
    "conv-any.tflite",
    "pipeline.skops",
)
EXACT = {"openvino": {"inference_precision": "f32"}}  # by itself it computes in bfloat16 where the processor can


def scores_of(path: Path, info: ModelInfo, runtime: str, x: np.ndarray, knobs: Mapping[str, Any]) -> np.ndarray:
    """Scores (N, classes) of a file on one runtime."""
    module, _, name = places("autoedge.runtimes")[runtime].partition(":")
    tensor = info.inputs[0]
    shape = (len(x), *(size if isinstance(size, int) else 8 for size in tensor.shape[1:]))
    samples = x.transpose(0, 2, 3, 1) if info.format == ".tflite" else x
    feed = fit_array(samples, shape, tensor.dtype)
    session = getattr(import_module(module), name)().load(path, knobs, {tensor.name: shape})
    scores = [port.name for port in session.outputs if port.dtype.startswith("float")][-1]
    return np.asarray(session.bind([scores])({session.inputs[0].name: np.ascontiguousarray(feed)})[0])


def recipes(info: ModelInfo, runtime: str) -> Iterator[dict[str, str]]:
    """The model as given, and every recipe that there is."""
    yield {"precision": info.precision}
    maker = MAKERS.get((info.format, runtime))
    for precision, options in (maker.recipes if maker else {}).items():
        for levels in product(*options.values()):
            yield {"precision": precision, **dict(zip(options, levels, strict=True))}


def rows(path: Path, cache: VariantCache) -> Iterator[str]:
    """One line a variant and runtime."""
    data = np.load(DIGITS / "data" / "eval.npz")
    x, y = data["x"], data["y"]
    info = inspect_model(path)
    forms = {info.format: (path, info)}
    if info.format in TOOLS:
        twin = to_onnx(path, info, cache).path
        forms[".onnx"] = (twin, inspect_model(twin))
    first = {".tflite": "litert", ".skops": "scikit-learn"}.get(info.format, "onnxruntime")
    expected = scores_of(path, info, first, x, {})
    right = float((expected.argmax(1) == y).mean())
    for suffix, (file, known) in forms.items():
        for runtime in {".tflite": ["litert"], ".skops": ["scikit-learn"]}.get(suffix, ["onnxruntime", "openvino"]):
            for recipe in recipes(known, runtime):
                name = "/".join(recipe.values())
                calibration = DIGITS / "data" / "calib.npz" if recipe["precision"] in CALIBRATED else None
                try:
                    if known.format == ".tflite" and calibration is not None:
                        calibration = channels_last(calibration, Path(cache.root))
                    made = make_variant(file, known, recipe, runtime=runtime, cache=cache, calibration=calibration)
                    got = scores_of(made.path, known, runtime, x, EXACT.get(runtime, {}))
                except ModelError as error:
                    yield f"| {path.name} | {runtime} | {name} | | | | {str(error).rpartition(': ')[2][:60]} |"
                    continue
                apart = np.abs(got - expected).max(1) / np.abs(expected).max(1)
                drop = 100 * (right - float((got.argmax(1) == y).mean()))
                size = made.size_bytes
                yield (
                    f"| {path.name} | {runtime} | {name} | {apart.max():.1e} | {np.median(apart):.1e} "
                    f"| {drop:+.2f} | {size} bytes |"
                )


def channels_last(path: Path, folder: Path) -> Path:
    """The calibration data as a .tflite takes them."""
    data = np.load(path)
    into = folder / "calib-nhwc.npz"
    np.savez(into, x=data["x"].transpose(0, 2, 3, 1))
    return into


def main() -> None:
    """Print the table."""
    print("| model | runtime | variant | worst | median | accuracy drop, points | |")
    print("|---|---|---|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory(prefix="autoedge-conversions-") as folder:
        cache = VariantCache(Path(folder))
        for name in MODELS:
            for line in rows(DIGITS / "models" / name, cache):
                print(line, flush=True)


if __name__ == "__main__":
    main()

"""Run the model of this folder on your data, without AutoEdge: ``python run.py --input x.npz``.

It needs what ``requirements.txt`` names: numpy, the runtime, Pillow for images. From Python, with this folder on the
path:

    from run import load
    predict = load()
    predict({"x": array})["classes"]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # no hash covers what lies in __pycache__, so it is neither read nor written
    sys.dont_write_bytecode = True
    sys.pycache_prefix = str(Path(__file__).resolve().with_name("bundle.json"))  # a file: nothing can lie below it

try:
    import numpy as np
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{error}: install what requirements.txt names: pip install -r requirements.txt"
    ) from None

from autoedge.errors import AutoEdgeError, BundleError, DataError
from autoedge.preprocessing.data import open_data
from autoedge.preprocessing.decoding import SUFFIXES, Encoded
from autoedge.preprocessing.image_files import image_files
from autoedge.preprocessing.inputs import Inputs
from autoedge.preprocessing.quantised import reals
from autoedge.runtimes.onnxruntime import OnnxRuntime as Engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autoedge.preprocessing.decoding import Samples
    from autoedge.runtimes.base import Port

HERE = Path(__file__).resolve().parent
_CHUNK = 2**20
_PICKLES = (".pkl", ".joblib")
_SHOWN = 20


class Predictor:
    """The loaded model: call it with arrays by name, get arrays by name.

    Args:
        folder: The bundle's.

    Attributes:
        inputs: What the model takes: name, dtype and shape of each input.
        batch: Samples in one call of the engine; any number of samples may be given.

    Raises:
        BundleError: A file of the bundle is missing or altered, or the runtime is not installed.
        ModelError: The runtime refuses the model.
    """

    def __init__(self, folder: Path) -> None:
        settings = _settings(folder)
        runtime = Engine()
        _check_runtime(runtime.version(), settings["runtime"])
        fed = settings.get("preprocessing") or {"steps": {}, "knobs": [], "shapes": {}}
        knobs = {name: level for name, level in settings["configuration"]["knobs"].items() if name not in fed["knobs"]}
        self.batch = int(knobs.pop("batch", 1))
        if Path(settings["model"]).suffix in _PICKLES:
            knobs["trusted"] = True  # whoever runs this program trusts what lies beside it
        self._prepare = Inputs(fed["steps"])
        shapes = {name: tuple(shape) for name, shape in fed["shapes"].items()}
        session = runtime.load(folder / settings["model"], knobs, shapes or None)
        self.inputs: Sequence[Port] = session.inputs
        task = settings.get("task")
        self._scores: str | None = None if task else settings["scores"]
        counted = task["outputs"] if task else [] if self._scores is None else [self._scores]
        self._outputs = counted or [port.name for port in session.outputs]
        self._call = session.bind(self._outputs)
        self._scaled = {port.name: (port.scale, port.zero_point) for port in session.outputs}

    def __call__(self, arrays: Mapping[str, Samples]) -> dict[str, np.ndarray]:
        """The model's answers.

        Args:
            arrays: ``x`` for a model of one input, else one array for each input by name; first axis = samples. What
                ``preprocessing`` in ``bundle.json`` says is done to them here, so give them as they were in the data.

        Returns:
            ``scores`` (samples x classes, float32) and ``classes`` (samples, the highest score's column). Of other
            tasks than classification, and where the bundle names no scores, outputs by their names.

        Raises:
            DataError: The arrays do not fit the model.
        """
        solid = {name: array if _is_listed(array) else np.asarray(array) for name, array in arrays.items()}
        if any(isinstance(array, np.ndarray) and array.ndim == 0 for array in solid.values()):
            raise DataError("the first axis of each array is samples, but one of them is a scalar")
        lengths = {name: len(array) for name, array in solid.items()}
        names = self._prepare.match([port.name for port in self.inputs], lengths)
        pieces = list(self._run({name: solid[source] for name, source in names.items()}))
        if not pieces:
            raise DataError("at least one sample is needed, but there is none")
        whole = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
        if self._scores is None:
            return whole
        scores = whole[self._scores].reshape(len(whole[self._scores]), -1).astype(np.float32)
        return {"scores": scores, "classes": scores.argmax(axis=1)}

    def _run(self, arrays: Mapping[str, Samples]) -> Iterator[dict[str, np.ndarray]]:
        for start in range(0, len(next(iter(arrays.values()))), self.batch):
            rows = {name: array[start : start + self.batch] for name, array in arrays.items()}
            valid = len(next(iter(rows.values())))
            outputs = self._call(self._prepare.batch(self.inputs, rows, self.batch))
            told = {name: _of_samples(name, outputs[place], valid) for place, name in enumerate(self._outputs)}
            yield {name: reals(output, *self._scaled[name]) for name, output in told.items()}


def load(folder: str | Path = HERE) -> Predictor:
    """The model of a bundle, ready to be called.

    Raises:
        BundleError: A file of the bundle is missing or altered, or the runtime is not installed.
    """
    return Predictor(Path(folder))


def _settings(folder: Path) -> Any:
    """What ``bundle.json`` says, once the model is the file that it names."""
    try:
        settings = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        settings["model"] = Path(str(settings["model"])).name
        model = folder / settings["model"]
        expected = settings["files"][settings["model"]]
        _ = settings["configuration"]["knobs"], settings["runtime"]["version"], settings["scores"]
        found = _sha256(model)
    except OSError as error:
        raise BundleError(f"{error.filename}: cannot be read: {error.strerror}; copy the whole bundle again") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{folder / 'bundle.json'}: is damaged ({error!r}); copy the whole bundle again") from error
    if found != expected:
        raise BundleError(f"{model}: is not the file that was bundled; copy the whole bundle again")
    return settings


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _check_runtime(installed: str | None, measured: Mapping[str, str]) -> None:
    if installed is None:
        raise BundleError("the runtime is not installed: pip install -r requirements.txt")
    name, version = measured["name"], measured["version"]
    if installed != version:
        text = f"the figures of this bundle were measured with {name} {version}, but {installed} is installed"
        warnings.warn(text, stacklevel=4)


def _of_samples(name: str, output: Any, valid: int) -> np.ndarray:
    if isinstance(output, np.ndarray) and output.dtype.hasobject:
        output = output.astype(str)
    if not isinstance(output, np.ndarray) or output.ndim == 0 or len(output) < valid:
        raise DataError(
            f"output '{name}' is no array with one row a sample: outputs.scores of the intent names another"
        )
    return output[:valid]


def _is_listed(samples: Any) -> bool:
    """Whether samples come as a list of images or arrays, which may differ in size."""
    return isinstance(samples, list) and bool(samples) and isinstance(samples[0], (Encoded, np.ndarray))


def _read(path: Path) -> dict[str, Samples]:
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        return {"x": image_files(path)}
    data = open_data(path)
    return {name: data.whole(name) for name in data.arrays if name != "y"}


def _show(outputs: Mapping[str, np.ndarray]) -> str:
    if "classes" not in outputs:
        return "\n".join(f"{name}: {array.dtype} {array.shape}" for name, array in outputs.items())
    classes, scores = outputs["classes"], outputs["scores"]
    lines = [f"{row}: class {classes[row]}, score {scores[row, classes[row]]:.6g}" for row in range(len(classes))]
    more = len(lines) - _SHOWN
    return "\n".join(lines[:_SHOWN] + ([f"... {more} more: see them with --json or --output"] if more > 0 else []))


def _as_json(outputs: Mapping[str, np.ndarray]) -> str:
    try:
        return json.dumps({name: array.tolist() for name, array in outputs.items()}, allow_nan=False)
    except ValueError:
        raise DataError("the model gave NaN or infinite values, which JSON cannot hold; use --output") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="run.py", description="Run the model of this folder on your data.")
    parser.add_argument(
        "--input", type=Path, required=True, help="npz file (x, or an array for each input), image, or folder"
    )
    parser.add_argument("--output", type=Path, help="npz file to write the model's answers to")
    parser.add_argument("--json", action="store_true", help="print the model's answers as JSON")
    options = parser.parse_args(arguments)
    try:
        predict = load()
        outputs = predict(_read(options.input))
        if options.output is not None:
            with options.output.open("wb") as file:
                np.savez(file, **outputs)  # type: ignore[arg-type]  # its stubs take the keywords for flags
        if options.json:
            sys.stdout.write(_as_json(outputs) + "\n")
        elif options.output is None:
            sys.stdout.write(_show(outputs) + "\n")
    except (AutoEdgeError, OSError) as error:
        sys.stderr.write(f"run.py: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The committed data and models of examples/digits are what its README says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits"
MODELS = sorted((DIGITS / "models").glob("*.onnx"))
PARTS = {"train": 997, "calib": 200, "eval": 600}

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)


def load(part: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the images and the labels of one part."""
    with np.load(DIGITS / "data" / f"{part}.npz", allow_pickle=False) as data:
        return data["x"], data["y"]


def scores(model: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the model's floating output with one column a class."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    (output,) = (item.name for item in session.get_outputs() if item.type == "tensor(float)")
    own = given.shape[1:]  # names stand for free sides
    sides = own if all(isinstance(side, int) for side in own) else images.shape[1:]
    (result,) = session.run([output], {given.name: images.reshape(len(images), *sides)})
    return np.asarray(result, np.float32)


def readme_table() -> dict[str, tuple[float, int]]:
    """Return accuracy in percent and size in bytes of each model, as the README states them."""
    text = (DIGITS / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d.]+) % \| \d+ \| (\d+) \|$", text, re.MULTILINE)
    rows += [(Path(name).stem, accuracy, size) for name, _, accuracy, _, size in formats_table() if ".onnx" in name]
    return {name: (float(accuracy), int(size)) for name, accuracy, size in rows}


def formats_table() -> list[tuple[str, str, str, str, str]]:
    """Return the rows of the README's table of formats: file, accuracy in percent at three sizes, bytes."""
    text = (DIGITS / "README.md").read_text("utf-8")
    share = r" ?([\d.]*)(?: %)? "
    return re.findall(rf"^\| `([\w-]+\.\w+)` \|{share}\|{share}\|{share}\| (\d+) \|$", text, re.MULTILINE)


@pytest.mark.parametrize(("part", "count"), PARTS.items())
def test_part_has_the_promised_arrays(part: str, count: int) -> None:
    """A part holds float32 images (N, 1, 8, 8) in 0..1 and int64 labels of all ten classes."""
    x, y = load(part)
    assert x.shape == (count, 1, 8, 8)
    assert x.dtype == np.dtype(np.float32)
    assert y.shape == (count,)
    assert y.dtype == np.dtype(np.int64)
    assert 0 <= x.min() < x.max() <= 1
    assert set(y.tolist()) == set(range(10))


def test_parts_share_no_image() -> None:
    """No image stands in two parts, or twice in one: compared by content, not by index."""
    images = [image.tobytes() for part in PARTS for image in load(part)[0]]
    assert len(set(images)) == len(images) == sum(PARTS.values())


def test_readme_lists_every_model() -> None:
    """The README's table and the folder name the same models, at least six, with their true sizes."""
    sizes = {model.stem: model.stat().st_size for model in MODELS}
    assert {name: size for name, (_, size) in readme_table().items()} == sizes
    assert len(sizes) >= 6


def test_readme_lists_every_format() -> None:
    """The table of formats has the models of formats.yaml with their true sizes."""
    told = {name: int(size) for name, *_, size in formats_table()}
    named = re.findall(r"path: models/([\w.-]+)", (DIGITS / "formats.yaml").read_text("utf-8"))
    assert told == {name: (DIGITS / "models" / name).stat().st_size for name in named}
    assert len(told) == 3


@each_model
@pytest.mark.parametrize("batch", [1, 7])
def test_model_takes_any_batch(model: Path, batch: int) -> None:
    """A model loads in ONNX Runtime and gives ten finite scores a row, whatever the batch."""
    result = scores(model, load("eval")[0][:batch])
    assert result.shape == (batch, 10)
    assert np.isfinite(result).all()


@each_model
def test_accuracy_is_the_readmes(model: Path) -> None:
    """The accuracy on the evaluation set is the README's within 0.2 points."""
    x, y = load("eval")
    percent = 100 * float(np.mean(scores(model, x).argmax(axis=1) == y))
    assert percent == pytest.approx(readme_table()[model.stem][0], abs=0.2)


@each_model
def test_model_tells_nothing_of_the_machine_that_made_it(model: Path) -> None:
    """No model file holds a path or a stack trace of the machine that exported it."""
    content = model.read_bytes()
    traces = [b"site-packages", b'File "', b"/home/", b"/root/", b"/tmp/", b"/Users/", str(ROOT).encode()]
    assert [trace for trace in traces if trace in content] == []


def test_folder_stays_small() -> None:
    """The example's models and data together are under 3 MB."""
    files = [*(DIGITS / "models").iterdir(), *(DIGITS / "data").iterdir()]
    assert sum(file.stat().st_size for file in files) < 3_000_000

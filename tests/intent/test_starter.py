"""The intent that a user starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoedge.errors import IntentError
from autoedge.intent.load import load_intent
from autoedge.intent.operation import Carbon, Fleet
from autoedge.intent.starter import starter_intent

ODD = [
    "plain.onnx", "with space.onnx", "a: b.onnx", "#c.onnx", "- d.onnx", "'q\".onnx", "back\\slash.onnx",
    "new\nline.onnx", "tab\t.onnx", "{x}.onnx", "[y].onnx", "*.onnx", "&.onnx", "!.onnx", "%.onnx", "@.onnx",
    "ü😀.onnx", "\x1b[31m.onnx",
    "\u2028\u202e.onnx", "null", "true", "1", "1e5", "-", "~", "~.onnx", " .onnx", "x.onnx ", ",.onnx",
]  # fmt: skip


def write(folder: Path, text: str) -> Path:
    """The intent as a file."""
    path = folder / "intent.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_starter_reads(tmp_path: Path) -> None:
    """What init writes reads without problems and means the given files."""
    folder = tmp_path / "My Project"
    folder.mkdir()
    files = [tmp_path / "m" / "a.onnx", folder / "b.onnx", folder / "eval.npz", tmp_path / "calib.npz"]
    files[0].parent.mkdir()
    for file in files:
        file.touch()
    intent = load_intent(write(folder, starter_intent(files[:2], files[2], files[3], folder)))
    assert intent.name == "my-project"
    assert [(model.name, model.path) for model in intent.models] == [("a", files[0]), ("b", files[1])]
    assert (intent.data.evaluation, intent.data.calibration) == (files[2], files[3])
    assert intent.baseline == "a"
    assert {constraint.relative for constraint in intent.constraints} == {"drop", "ratio"}
    assert "accuracy" in [metric.name for metric in intent.objectives]


def test_without_data(tmp_path: Path) -> None:
    """Without data nothing asks for accuracy."""
    (tmp_path / "a.onnx").touch()
    intent = load_intent(write(tmp_path, starter_intent([tmp_path / "a.onnx"], None, None, tmp_path)))
    assert intent.data.evaluation is None
    assert [metric.name for metric in intent.objectives] == ["latency_p95", "memory_peak"]


def test_odd_file_names(tmp_path: Path) -> None:
    """Any file name that is Unicode is quoted so that it reads back, twice the same name too."""
    paths = [tmp_path / "models" / name for name in ODD]
    paths[0].parent.mkdir()
    for path in paths:
        path.touch()
    (tmp_path / "plain.onnx").touch()
    paths += [tmp_path / "plain.onnx", tmp_path / "plain.onnx"]
    intent = load_intent(write(tmp_path, starter_intent(paths, None, None, tmp_path)))
    assert [model.path for model in intent.models] == paths


def test_commented_lines_read_too(tmp_path: Path) -> None:
    """What the comments suggest can be switched on as it stands."""
    for name in ("a.onnx", "evaluation.npz", "calibration.npz"):
        (tmp_path / name).touch()
    text = starter_intent([tmp_path / "a.onnx"], None, None, tmp_path)
    for line in text.splitlines():
        bare = line.strip().removeprefix("# ")
        if line.strip().startswith("# ") and bare.startswith(
            ("workload:", "battery:", "carbon:", "fleet:", "limits:", "search:", "- ", "evaluation:")
        ):
            text = text.replace(line, line.replace("# ", "", 1))
    intent = load_intent(write(tmp_path, text))
    assert (intent.rate, intent.limits.memory_mib) == (2.0, 512.0)
    assert intent.carbon == Carbon(380.0, 12.0, 5.0)
    assert intent.fleet == Fleet(500, 4.5, 0.32, "EUR")
    assert len(intent.constraints) == 4
    assert intent.data.evaluation == tmp_path / "evaluation.npz"


def test_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths mean the working folder, as on a command line."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.onnx").touch()
    monkeypatch.chdir(tmp_path)
    assert "- models/a.onnx\n" in starter_intent([Path("models/a.onnx")], None, None, Path())


def test_refused(tmp_path: Path) -> None:
    """Without models, or with a file whose name YAML cannot hold, there is nothing to start from."""
    with pytest.raises(IntentError, match="at least one model"):
        starter_intent([], None, None, tmp_path)
    with pytest.raises(IntentError, match="Unicode"):
        starter_intent([tmp_path / "\udcff.onnx"], None, None, tmp_path)

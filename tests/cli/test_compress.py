"""What ``autoedge compress`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.workflows.compress import CompressState
from autoedge_cli.main import run
from autoedge_cli.progress_compress import told
from autoedge_cli.render_compress import render_compressed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from rich.console import Console


def _candidate(name: str, path: str, **other: Any) -> dict[str, Any]:
    plain = {"kind": "prune", "precision": "fp32", "size_bytes": 2048, "macs": 5000, "parameters": 300, "epoch": 2}
    about = {"given_parameters": 900, "holdout": 0.985, "given": 0.995, "reused": False}
    return {"name": name, "path": path, **plain, **about, **other}


def _document(*candidates: dict[str, Any], failed: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    plain = {"schema_version": 1, "name": "net", "out": "models", "figure": "accuracy", "given": 0.995}
    return {**plain, "candidates": list(candidates), "failed": list(failed)}


def test_the_lines_for_an_intent(paper: Callable[..., Console], read: Callable[[Console], str]) -> None:
    """Size, MACs and holdout accuracy are shown, and YAML that an intent takes follows, odd paths in quotes."""
    console = paper()
    odd = _candidate("net-qat", 'my "models"/net-qat.onnx', precision="int8", macs=None, reused=True)
    render_compressed(console, _document(_candidate("net-prune-50", "models/net-prune-50.onnx"), odd))
    text = read(console)
    assert "2.0 KiB" in text
    assert "98.5 %" in text
    assert "was there" in text
    assert "the model as given: holdout accuracy 99.5 %, 900 parameters" in text
    lines = text.splitlines()
    assert lines[lines.index("models:") + 1 :] == [
        "  - {path: models/net-prune-50.onnx, name: net-prune-50}",
        '  - {path: "my \\"models\\"/net-qat.onnx", name: net-qat}',
    ]


def test_what_failed(paper: Callable[..., Console], read: Callable[[Console], str]) -> None:
    """A candidate that could not be made is told with its reason, which does nothing to the terminal."""
    console = paper()
    render_compressed(console, _document(failed=({"name": "net-prune-90", "reason": "no\x1b[31m channel"},)))
    text = read(console)
    assert "net-prune-90: no\\x1b[31m channel" in text
    assert "models:" not in text


def test_progress_in_one_line() -> None:
    """The line tells which candidate, the epoch, the loss and the holdout figure, as far as they are known."""
    assert told(CompressState(count=2), 3.0) == "loading the model, 3.0 s"
    state = CompressState("net-qat", 2, 2, epoch=3, epochs=5, loss=0.123456, holdout=0.985)
    assert told(state, 12.0) == "net-qat (2 of 2), epoch 3 of 5, loss 0.123, holdout 0.985, 12 s"


def test_bad_specs_end_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A spec that is missing or untrusted is bad input, and no folder is made."""
    out = tmp_path / "out"
    assert run(["compress", "--spec", str(tmp_path / "no.yaml"), "--out", str(out)]) == 2
    assert "the spec cannot be read: No such file" in capsys.readouterr().err
    assert not out.exists()

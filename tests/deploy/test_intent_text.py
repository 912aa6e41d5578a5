"""The intent in a bundle names files, never folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autoedge.deploy.intent_text import without_folders

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("/home/a b/x.onnx", "x.onnx"),
        ("~/x.onnx", "x.onnx"),
        (r"'C:\Users\a\x.onnx'", "x.onnx"),
        (r"'\\server\share\x.onnx'", "x.onnx"),
        ("ssh://pi@garden.lan:22", "pi-garden.lan-22"),
        ("2 / s", "2 / s"),
        ("50 %", "50 %"),
    ],
)
def test_absolute_paths_are_cut_wherever_they_stand(value: str, left: str) -> None:
    """Posix, home, Windows and network paths lose their folders; quantities stay."""
    assert without_folders(f"anything: {value}\n") == f"anything: {left}\n"


def test_relative_paths_are_cut_where_files_are_named() -> None:
    """Models, data and spaces lose their folders also when they are relative, and comments go."""
    text = "# by alice\nmodels:\n- ../alice/a.onnx\n- path: m/b.onnx\n  name: b\ndata:\n  calibration: ../c.npz\n"
    expected = "models:\n- a.onnx\n- path: b.onnx\n  name: b\ndata:\n  calibration: c.npz\n"
    assert without_folders(text) == expected


def test_a_resolved_intent_stays_as_it_is_but_for_folders(tmp_path: Path) -> None:
    """What AutoEdge dumps keeps its order and its form."""
    from autoedge.intent.load import dump_resolved, load_intent

    (tmp_path / "m.onnx").touch()
    (tmp_path / "intent.yaml").write_text(
        "version: 1\nname: toy\ntask: {type: classification}\nmodels: [m.onnx]\nconstraints: [latency_p95 <= 20 ms]\n"
        "workload: {rate: 2 / s}\n"
    )
    text = dump_resolved(load_intent(tmp_path / "intent.yaml"))
    assert str(tmp_path) in text
    assert without_folders(text) == text.replace(f"{tmp_path}/", "")

"""What is printed of one candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from autoedge_cli.render import render_candidate

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


def _process(replicate: int, **other: Any) -> dict[str, Any]:
    plain = {"phase": "confirm", "status": "ok", "reason": "", "flags": [], "duration_s": 3.21, "raw": "raw/x.npz"}
    return {**plain, "replicate": replicate, **other}


def test_candidate(
    standings: list[dict[str, Any]], paper: Callable[..., Console], read: Callable[[Console], str]
) -> None:
    """Configuration, figures, verdict and every process are told, at 80 columns."""
    sheet = paper(80)
    broken = _process(1, status="failed", reason="it crashed during warm-up; its last words: [red]\x1b[31mboom")
    processes = [_process(0, flags=["background_load"]), broken]
    placed = {"placement": {"openvino": 12, "cpu": 3}}
    render_candidate(sheet, {"schema_version": 1, **standings[0], **placed, "processes": processes})
    flat = [" ".join(line.split()) for line in read(sheet).splitlines()]
    assert flat[0].startswith("3fa4c01b22@local ✓ met on the front")
    assert "made as int8-static minmax/channel" in flat
    assert "knobs batch=1 threads=2 graph_level=all spinning=on" in flat
    assert "nodes 12 openvino, 3 cpu" in flat
    assert "energy ~0.468 mJ [0.234, 0.702] estimated" in flat
    assert "accuracy >= 0.95 ✓ met 96.8 % [95.8, 97.8] +1.9 %" in flat
    assert "confirm 0 ✓ ok 3.2 s background_load" in flat
    assert any(line.startswith("confirm 1 ✗ failed 3.2 s it crashed during warm-up") for line in flat)
    assert r"[red]\x1b[31mboom" in " ".join(flat)
    assert max(cell_len(line) for line in read(sheet).splitlines()) <= 80


def test_unconfirmed(
    standings: list[dict[str, Any]], paper: Callable[..., Console], read: Callable[[Console], str]
) -> None:
    """A candidate that only the search saw says so, and one without limits has no verdict table."""
    sheet = paper()
    render_candidate(sheet, {**standings[3], "flags": ["unsteady"], "processes": [_process(0, phase="search")]})
    assert "measured in 1 fresh process, not confirmed" in read(sheet)
    assert "the intent sets no limit" in read(sheet)
    assert "unsteady" in read(sheet)

"""``select`` with targets that talk nonsense: each loses what it talked about, and the run goes on with the others."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import autoedge
from autoedge.errors import TargetError
from autoedge.store.store import Store
from autoedge.workflows.events import Lost
from autoedge.workflows.targets import probe_target

if TYPE_CHECKING:
    from collections.abc import Callable

    Declare = Callable[..., Path]
    Intent = Callable[..., Path]

SCRIPT = Path(__file__).parents[1] / "hostile.py"
SEARCH = (
    "{space: onnxruntime-cpu, strategy: random, seed: 0, "
    "knobs: {precision: [fp32, fp16, int8-dynamic, int8-static], threads: [1], batch: [1], "
    "arena: ['on'], graph_level: all}}"
)
FAILED = "body.update(failed='x', details={'processes': %s}); del body['done']"
LIES = {
    "waits": "if do == 'waiting': body = {'waiting': 5}",
    "begins": "if 'done' in body: body['started'] = nan",
    "shrinks": "if 'done' in body: body['done']['memory_peak_mib'] = -5",
    "cancels": "if 'done' in body: body = {'cancelled': True}",
    "books": f"if 'done' in body: {FAILED % -5}",
    "spells": f"if 'done' in body: {FAILED % repr('b')}",
    "swells": "if do == 'hello': body['device']['memory_mib'] = 10**400",
    "drips": "import time\nwhile do == 'hello': write(body={'phase': 'x'}); time.sleep(0.5)",
}


@pytest.fixture(autouse=True)
def _own_places(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(place / "targets.yaml"))
    monkeypatch.setattr("autoedge.targets.base.PATIENCE_S", 8.0)


def _wrap(code: str) -> dict[str, Any]:
    return {"wrap": [sys.executable, str(SCRIPT), code], "meter": "none"}


def test_nonsense_costs_a_target_and_not_the_run(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """However a device lies, another one is measured to the end, and the budget counts what was really used."""
    declare_in(place, good={"meter": "none"}, **{name: _wrap(code) for name, code in LIES.items()})
    lost: dict[str, str] = {}

    def listen(event: Any) -> None:
        if isinstance(event, Lost):
            lost[event.target] = event.reason

    names = ", ".join(["good", *LIES])
    intent = write_intent(
        targets=f"[{names}]", models="[small.onnx]", constraints="[accuracy >= 50 %]", search=SEARCH,
        budget="{measurements: 60, reserve: 30 %}",
    )  # fmt: skip
    selection = autoedge.select(intent, out=place / "run", on_event=listen)
    assert selection.chosen["target"] == "good"
    assert selection.chosen["phase"] == "confirm"
    assert lost.keys() == LIES.keys()
    for name, reason in lost.items():
        assert f"'{name}'" in reason
    assert "which replies wait" in lost["waits"]
    assert "no answer within" in lost["drips"]
    store = Store(place / "run" / "study.db")
    rows = store.measurements()
    store.close()
    assert selection.verdict["used"]["measurements"] == len(rows)
    assert {row.target for row in rows if row.ok} == {"good"}
    assert "NaN" not in (place / "run" / "verdict.json").read_text()
    assert json.loads((place / "run" / "verdict.json").read_text())["used"]["measurements"] > 0


def test_a_probe_ends(place: Path, declare_in: Declare) -> None:
    """Looking at a target that keeps talking ends with its error."""
    declare_in(place, drips=_wrap(LIES["drips"]))
    with pytest.raises(TargetError, match="target 'drips': no answer within 68 s, though it goes on talking"):
        probe_target("drips")

"""``select`` and ``check`` on this machine with an emulated power meter that follows the agent's work."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import autoedge
from autoedge.errors import MeterError, TargetError
from autoedge.measurement import Source, Status
from autoedge.meters.spec import MeterSpec
from autoedge.store.store import Store
from autoedge.testing.emulators.lpm01a import Lpm01aEmulator
from autoedge.testing.following import Following
from autoedge.workflows.check import check
from autoedge.workflows.events import Doing, Measured, Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autoedge.measurement import Measurement

    Declare = Callable[..., Path]
    Intent = Callable[..., Path]

VOLTS = 3.0
IDLE_W, CORE_W = 0.04, 0.015
ENERGY = {
    "models": "[small.onnx]",
    "constraints": "[{metric: energy, max: 1 J, source: measured}]",
    "objectives": "[energy, latency_p50]",
    "protocol": "{preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.02 s, latency_calls: 64, "
    "idle_seconds: 0.4 s, idle_samples: 4, energy_seconds: 0.6 s, energy_windows: 1}",
    "budget": "{measurements: 3}",
    "search": "{space: onnxruntime-cpu, strategy: random, seed: 0, "
    "knobs: {precision: [fp32, fp16, int8-dynamic, int8-static], threads: [1], arena: ['on'], batch: [1]}}",
}


@contextmanager
def meter_on_the_desk(port: Path, **faults: Any) -> Iterator[Lpm01aEmulator]:
    """A fast meter whose power rises with the work of this process's children; its port keeps its name."""
    with ExitStack() as stack:
        power = stack.enter_context(Following(os.getpid(), IDLE_W, CORE_W))
        meter = stack.enter_context(Lpm01aEmulator(power, volts=VOLTS, **faults))
        port.unlink(missing_ok=True)
        port.symlink_to(meter.path)
        yield meter


@pytest.fixture(autouse=True)
def _short_windows(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
    monkeypatch.setattr(MeterSpec, "shortest_window_s", property(lambda _: 0.6))


def _rows(run: Path) -> list[Measurement]:
    store = Store(run / "study.db")
    try:
        return store.measurements()
    finally:
        store.close()


def _declared(place: Path, declare_in: Declare) -> tuple[Path, Path]:
    """The meter's port, and a targets file that declares it for this machine."""
    port = place / "meter"
    return port, declare_in(place, local={"meter": {"type": "lpm01a", "port": str(port), "volts": VOLTS}})


def test_energy_is_measured(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """Energy of a run with a meter is measured, net below gross, with intervals and an uncertainty budget."""
    port, declared = _declared(place, declare_in)
    events: list[Any] = []
    with meter_on_the_desk(port):
        selection = autoedge.select(write_intent(**ENERGY), out=place / "run", targets=declared, on_event=events.append)
    assert "power of local: lpm01a (board-input" in " ".join(one.text for one in events if isinstance(one, Note))
    rows = _rows(place / "run")
    assert len(rows) == 3
    assert all(row.status is Status.OK for row in rows)
    for row in rows:
        gross, power = row.metrics["energy_mj"], row.details["power"]
        assert gross.source is row.metrics["power_w"].source is Source.MEASURED
        assert 0 < gross.low < gross.value < gross.high
        assert {"gain", "offset", "repetition"} <= power["budget_mj"].keys()
        assert power["meter"]["name"] == "lpm01a"
        assert power["idle"]["loaded"]["power_w"] < row.metrics["power_w"].value
        assert 0 < row.metrics.get("energy_net_mj", gross).value <= gross.value
    assert any("energy_net_mj" in row.metrics for row in rows)
    decision = next(one for one in selection.chosen["decisions"] if one["metric"] == "energy_mj")
    assert decision["figure"]["source"] == "measured"
    assert "estimated" not in decision["note"]


def test_an_unplugged_meter_and_its_return(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """A meter that is lost midway makes its measurement invalid and ends the run; once it is back, the run goes on."""
    port, declared = _declared(place, declare_in)
    intent = write_intent(**ENERGY)
    with meter_on_the_desk(port) as meter:
        seen: list[Any] = []

        def unplug(event: Any) -> None:
            seen.append(event)
            if isinstance(event, Doing) and event.phase == "energy" and any(isinstance(one, Measured) for one in seen):
                meter.hang_up()

        with pytest.raises(TargetError, match=r"target 'local': its power meter is lost: .*there is no such device"):
            autoedge.select(intent, out=place / "run", targets=declared, on_event=unplug)
    before = _rows(place / "run")
    assert [row.status for row in before] == [Status.OK, Status.INVALID]
    assert "meter_lost" in before[1].flags
    assert "the meter lpm01a was lost" in before[1].reason
    assert "energy_mj" not in before[1].metrics
    with meter_on_the_desk(port):
        selection = autoedge.select(intent, out=place / "run", targets=declared)
    after = _rows(place / "run")
    assert after[:2] == before
    assert all(row.status is Status.OK for row in after[2:])
    assert selection.chosen["metrics"]["energy_mj"]["source"] == "measured"


def test_no_meter_where_one_is_asked_for(place: Path, write_intent: Intent, declare_in: Declare, autoedge: Any) -> None:
    """`source: measured` without a meter is exit 3 before anything is measured, and names meters that would do."""
    declare_in(place, local={"meter": "none"})
    ended = autoedge("select", "--intent", write_intent(**ENERGY), "--out", place / "run")
    assert ended.returncode == 3, ended.stderr
    assert "local has no power meter" in ended.stderr
    for name in ("um25c", "ppk2", "rapl"):
        assert name in ended.stderr
    assert _rows(place / "run") == []


def test_a_declared_meter_that_is_not_there(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """It is told with its port before anything is measured."""
    _, declared = _declared(place, declare_in)
    with pytest.raises((MeterError, TargetError), match="there is no such device"):
        autoedge.select(write_intent(**ENERGY), out=place / "run", targets=declared)
    assert _rows(place / "run") == []


def test_a_declared_meter_that_cannot_be_opened_on_the_device(
    place: Path, write_intent: Intent, declare_in: Declare
) -> None:
    """The message has its target once, and says what is wrong in words and not as an exception."""
    declared = declare_in(place, e={"meter": {"type": "estimate"}})
    intent = write_intent(targets="[e]", **{**ENERGY, "constraints": "[accuracy >= 50 %]"})
    with pytest.raises(TargetError) as caught:
        autoedge.select(intent, out=place / "run", targets=declared)
    assert str(caught.value).count("target 'e'") == 1
    assert "missing 2 required" in str(caught.value)
    assert "Error" not in str(caught.value)


def test_a_gate_on_energy(place: Path, gate_bundle: Callable[..., Path], declare_in: Declare) -> None:
    """With a meter a bundle's limit on energy is decided by what is measured, as in a selection."""
    asked = {key: value for key, value in ENERGY.items() if key not in ("search", "budget")}
    intent = "".join(f"{key}: {value}\n" for key, value in asked.items())
    head = "version: 1\nname: small\ntask: {type: classification}\nbudget: {measurements: 6}\n"
    bundle = gate_bundle("bundle", 40, head + intent)
    port, declared = _declared(place, declare_in)
    with meter_on_the_desk(port):
        checked = check(bundle, targets=declared, seed=0)
    (limit,) = checked.document["constraints"]
    assert (limit["metric"], limit["outcome"]) == ("energy_mj", "met")
    assert limit["figure"]["source"] == "measured"
    assert limit["figure"]["low"] < limit["figure"]["value"] < limit["figure"]["high"]
    assert checked.document["outcome"] == "met"

"""``autoedge power compare --run``: stored rows of a meter beside what an estimate says of the same counters."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.bench.power_fit import FittedPower
from autoedge.bench.power_models import Calibration
from autoedge.candidate import Candidate, Configuration
from autoedge.device import Device
from autoedge.errors import MeterError, StoreError
from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.meters.spec import MeterSpec
from autoedge.store.store import Store
from autoedge.workflows.compare_power import by_protocol, compare_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEVICE = Device("0" * 16, "aarch64", "Cortex-A76", 4, 4, 8000, "Linux 6.6", "3.11.2")
SPEC = MeterSpec("um25c", "board-input", 0.5, 0.5, 0.001, 0.0015, 0.004)
MODEL = FittedPower(
    {"idle": 2.0, "linear": 8.0}, 0.0, 1.0, 1.0, 0.05, 0.1, 0.0015, 0.004, "um25c", "board-input", "2026-01-02"
)
SECONDS = 12.0  # that the counters are about: a window of 10 s, lead and tail


def measured(value: float, source: Source = Source.MEASURED) -> Value:
    """A figure, +/- 2 %."""
    return Value(value, 0.98 * value, 1.02 * value, source, "test", 1)


def row(batch: int, replicate: int, *, power_w: float, busy: float, **changes: Any) -> tuple[Measurement, Candidate]:
    """10 ms an item at some power, with one core busy of the candidate's own and ``busy`` of all in all."""
    candidate = Candidate(Configuration("m", {}, "onnxruntime", {"batch": batch}), "pi")
    source = changes.pop("source", Source.MEASURED)
    meter = changes.pop("meter", SPEC)
    fields: dict[str, Any] = {
        "candidate_id": candidate.candidate_id,
        "config_id": candidate.configuration.config_id,
        "target": "pi",
        "fingerprint": DEVICE.fingerprint,
        "runtime_version": "1",
        "variant_hash": "",
        "data_hash": "",
        "protocol_id": "quick-1-0",
        "session": "",
        "phase": Phase.SEARCH,
        "replicate": replicate,
        "status": Status.OK,
        "metrics": {
            "power_w": measured(power_w, source),
            "energy_mj": measured(10 * power_w, source),
            "energy_net_mj": measured(10 * (power_w - 2), source),
        },
        "details": {
            "power": {"windows": [{"seconds": 10.0}], "meter": meter.to_json()},
            "marks": [
                {"name": "energy", "start_ns": 1e9, "end_ns": 11e9, "calls": 1000},
                {"name": "end", "start_ns": 1e9 + SECONDS * 1e9, "end_ns": 2e10, "calls": 0},
            ],
            "energy_window": {
                "cpu_s": SECONDS,
                "machine_busy_s": 4 * SECONDS * busy,
                "machine_total_s": 4 * SECONDS,
            },
        },
        **changes,
    }
    return Measurement(**fields), candidate


@pytest.fixture
def run_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a run folder with rows."""
    monkeypatch.setenv("AUTOEDGE_POWER_MODELS", str(tmp_path / "power"))

    def write(*rows: tuple[Measurement, Candidate]) -> Path:
        root = tmp_path / "run"
        root.mkdir()
        (tmp_path / "m.onnx").write_bytes(b"")
        (root / "intent.resolved.yaml").write_text(
            "version: 1\nname: small\ntask: {type: classification}\nmodels: [../m.onnx]\ntargets: [pi]\n"
            "objectives: [energy]\n"
        )
        store = Store(root / "study.db")
        store.set_fact("devices", {"pi": asdict(DEVICE)})
        for measurement, candidate in rows:
            store.add(measurement, candidate)
        store.close()
        return root

    return write


def test_side_by_side(run_of: Callable[..., Path]) -> None:
    """Gross energy is told from everybody's time and net from the candidate's, a candidate's processes as one case."""
    rows = [row(1, n, power_w=4.2, busy=0.3) for n in range(2)] + [row(2, n, power_w=6.0, busy=0.5) for n in range(2)]
    root = run_of(*rows)
    Calibration(DEVICE.fingerprint, DEVICE.cpu, SPEC, 0.0, (), MODEL).save()
    document = compare_run(root)
    gross = [pair for pair in document["pairs"] if pair["quantity"] == "energy_mj"]
    net = [pair for pair in document["pairs"] if pair["quantity"] == "energy_net_mj"]
    assert [pair["processes"] for pair in gross] == [2, 2]
    assert [pair["meter"] for pair in gross] == pytest.approx([42, 60])
    assert [pair["estimate"] for pair in gross] == pytest.approx([10 * (2 + 8 * 0.3), 10 * (2 + 8 * 0.5)])
    assert [pair["estimate"] for pair in net] == pytest.approx([10 * 8 * 0.25] * 2)
    energy = next(one for one in document["agreement"] if one["quantity"] == "energy_mj")
    assert energy["bias"] == pytest.approx((44 / 42 - 1) / 2)
    assert (energy["n"], energy["covered"]) == (2, 2)
    assert document["models"]["pi"]["id"] == MODEL.model_id


def test_protocols_do_not_mix(run_of: Callable[..., Path]) -> None:
    """What was measured under other protocols, so by another meter too, is a case and an agreement of its own."""
    wall = MeterSpec("shelly", "wall", 1.0, 1.0, 0.1, 0.01, 0.1)
    rows = [
        row(1, number, power_w=power_w, busy=0.3, protocol_id=protocol, meter=spec)
        for number, (power_w, protocol, spec) in enumerate(
            [(4.2, "quick-1-board", SPEC), (8.4, "quick-1-wall", wall), (8.6, "quick-1-wall", wall)]
        )
    ]
    document = compare_run(run_of(*rows))
    gross = [pair for pair in document["pairs"] if pair["quantity"] == "energy_mj"]
    assert [(pair["protocol"], pair["processes"]) for pair in gross] == [("quick-1-board", 1), ("quick-1-wall", 2)]
    assert [pair["meter"] for pair in gross] == pytest.approx([42, 85])
    found = [(one["protocol"], one["n"]) for one in document["agreement"] if one["quantity"] == "energy_mj"]
    assert found == [("quick-1-board", 1), ("quick-1-wall", 1)]
    assert document["protocols"] == {"quick-1-board": SPEC.to_json(), "quick-1-wall": wall.to_json()}
    parts = by_protocol(document)
    assert list(parts) == ["quick-1-board", "quick-1-wall"]
    for protocol, part in parts.items():
        assert {one["protocol"] for one in (*part["pairs"], *part["agreement"])} == {protocol}
        assert list(part["models"]) == ["pi"]


def test_without_a_calibration(run_of: Callable[..., Path]) -> None:
    """What would be used without one, generic constants here, is what is compared."""
    document = compare_run(run_of(row(1, 0, power_w=4.2, busy=0.3)))
    assert document["models"]["pi"]["origin"] == "generic constants"
    (gross,) = (pair for pair in document["pairs"] if pair["quantity"] == "energy_mj")
    assert gross["estimate"] == pytest.approx(10 * (2.5 + 1.1))  # one busy core of its own
    assert document["agreement"][0]["bias_interval"] is None


def test_what_cannot_be_compared(run_of: Callable[..., Path], tmp_path: Path) -> None:
    """Estimates, failures and rows of another device are no measurements; without any the command says what to do."""
    estimate = row(1, 0, power_w=4.2, busy=0.3, source=Source.ESTIMATED)
    failed = row(1, 1, power_w=4.2, busy=0.3, status=Status.FAILED, reason="it crashed")
    other = row(1, 2, power_w=4.2, busy=0.3, fingerprint="f" * 16)
    with pytest.raises(MeterError, match=r"nothing in it was measured with a power meter.*--target"):
        compare_run(run_of(estimate, failed, other))
    with pytest.raises(StoreError, match="holds no run"):
        compare_run(tmp_path / "nowhere")

"""Battery, carbon and cost in the report of a real run, made from what the run keeps."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import autoedge
from autoedge.errors import StoreError
from autoedge.meters.spec import MeterSpec
from autoedge.store.store import Store
from autoedge.testing.emulators.lpm01a import Lpm01aEmulator
from autoedge.testing.following import Following
from autoedge.workflows.report import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Intent = Callable[..., Path]

RATE, BATTERY_WH = 5.0, 10.0
FEW = {
    "models": "[small.onnx]",
    "constraints": "[accuracy >= 50 %]",
    "objectives": "[energy, latency_p50]",
    "workload": "{rate: 5 / s}",
    "battery": "{capacity: 10 Wh}",
    "budget": "{measurements: 3}",
    "search": "{space: onnxruntime-cpu, strategy: random, seed: 0, "
    "knobs: {precision: [fp32, fp16], threads: [1], arena: ['on'], batch: [1]}}",
}
CARBON = "{intensity: 400 g / kWh, embodied: 10 kg, lifetime: 5 years}"
FLEET = "{devices: 100, battery_replacement_cost: 4.50 EUR, electricity_price: 0.30 EUR / kWh}"


@pytest.fixture(scope="module")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    place = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
        patch.setenv("AUTOEDGE_TARGETS", str(place / "targets.yaml"))
        patch.setenv("AUTOEDGE_POWER_MODELS", str(place / "power"))
        yield


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, furnish: Callable[[Path], Path], intent_in: Intent, _own_folders: None
) -> Path:
    """A folder with models, data, an intent with carbon and fleet, and its finished run."""
    place = furnish(tmp_path_factory.mktemp("battery"))
    autoedge.select(intent_in(place, **FEW, carbon=CARBON, fleet=FLEET), out=place / "run")
    return place


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run, far from its models and data."""
    return shutil.copytree(finished / "run", tmp_path / "run")


def _rows(run: Path) -> list[str]:
    store = Store(run / "study.db")
    try:
        return [f"{row.candidate_id} {row.phase} {row.replicate} {row.protocol_id}" for row in store.measurements()]
    finally:
        store.close()


def _keep(run: Path, value: Any) -> None:
    store = Store(run / "study.db")
    store.set_fact("operation", value)
    store.close()


def test_figures_follow_from_the_verdict(run: Path) -> None:
    """From the stored run alone, the battery life is that of the verdict and all else follows from it."""
    document = report(run)
    told, chosen = document["operation"], document["verdict"]["chosen"]["metrics"]
    assert (told["rate"], told["battery_wh"], told["missing"]) == (RATE, BATTERY_WH, [])
    for side in ("chosen", "reference"):
        figures, life = told[side], document["verdict"][side]["metrics"]["battery_life_h"]
        assert figures["battery_life_h"] == life
        watts = BATTERY_WH / life["value"]
        assert figures["mean_power_w"]["value"] == pytest.approx(watts)
        assert figures["mean_power_w"]["high"] == pytest.approx(BATTERY_WH / life["low"])
        grams = watts / RATE / 3.6e6 * 400 + 10_000 / (5 * 365.25 * 86_400 * RATE)
        assert figures["sci_g"]["value"] == pytest.approx(grams)
        assert figures["fleet_batteries"]["value"] == pytest.approx(100 * 8766 / life["value"])
        cost = 4.5 * 100 * 8766 / life["value"] + 0.3 * 100 * watts * 8.766
        assert figures["fleet_cost"]["value"] == pytest.approx(cost)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert chosen["battery_life_h"]["source"] == "estimated"


def test_estimates_are_never_shown_as_measured(run: Path) -> None:
    """Without a meter every figure that rests on power is an estimate in the data, the page and the text."""
    told = report(run)["operation"]
    assert {figure["source"] for key, figure in told["chosen"].items() if key != "embodied_g"} == {"estimated"}
    page = (run / "report.html").read_text(encoding="utf-8")
    section = page.partition('id="operation"')[2].partition("</section>")[0]
    assert section.count('<i class="estimate">~') >= 2 * (len(told["chosen"]) - 1)
    text = (run / "report.md").read_text(encoding="utf-8").partition("### Battery, carbon and cost")[2]
    row = next(line for line in text.splitlines() if line.startswith("| SCI per item"))
    assert row.count("*&#126;") == 2


def test_formulas_have_their_numbers(run: Path) -> None:
    """The page shows each formula with the intent's own numbers in it."""
    report(run)
    page = (run / "report.html").read_text(encoding="utf-8")
    for part in (
        *("(E * I + M) / R = (", "* 400 g CO2eq / kWh +", "10 kg CO2eq / (5 years * 5 / s)", "* 4.5 EUR"),
        *("100 devices * 8766 h / ", "* 0.3 EUR / kWh"),
    ):
        assert part.replace("*", "\N{MULTIPLICATION SIGN}") in page


def test_other_carbon_and_fleet_measure_nothing_again(finished: Path, intent_in: Intent, tmp_path: Path) -> None:
    """They are in no protocol: the same run with others is decided from the rows that it has, and reported anew."""
    run = shutil.copytree(finished / "run", tmp_path / "run")
    before, verdict = _rows(run), json.loads((run / "verdict.json").read_text())
    changed = "{intensity: 40 g / kWh}"
    again = autoedge.select(intent_in(finished, **FEW, carbon=changed, fleet="{devices: 3}"), out=run)
    assert _rows(run) == before
    assert again.verdict["protocol"] == verdict["protocol"]
    assert again.chosen == verdict["chosen"]
    told = report(run)["operation"]
    assert told["carbon"] == {"intensity_g_per_kwh": 40.0, "embodied_kg": None, "lifetime_years": None}
    assert told["fleet"]["devices"] == 3
    assert not {"embodied_g", "fleet_cost"} & told["chosen"].keys()
    bare = autoedge.select(intent_in(finished, **FEW), out=run)
    assert _rows(run) == before
    assert bare.verdict["protocol"] == verdict["protocol"]
    told = report(run)["operation"]
    assert (told["carbon"], told["fleet"]) == (None, None)
    assert [sentence.partition(";")[0] for sentence in told["missing"]] == [
        "For carbon add carbon: {intensity: 380 g / kWh} to the intent",
        "For energy and cost of many devices add fleet: {devices: 100} to the intent",
    ]


def test_a_run_without_a_workload_says_what_to_add(run: Path) -> None:
    """So does one of an AutoEdge that kept nothing of this."""
    store = Store(run / "study.db")
    kept = store.fact("protocols")
    store.set_fact("protocols", {name: {**one, "rate": None, "battery_wh": None} for name, one in kept.items()})
    store.set_fact("operation", None)
    store.close()
    document = report(run)
    assert document["operation"]["chosen"] == {}
    assert "add workload: {rate: 2 / s}" in document["operation"]["missing"][0]
    assert "add workload: {rate: 2 / s}" in (run / "report.html").read_text(encoding="utf-8")
    assert "add workload: {rate: 2 / s}" in (run / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "kept", [{"carbon": {"intensity_g_per_kwh": "<b>"}}, {"fleet": {"devices": 1, "colour": 2}}, ["x"], {"fleet": 3}]
)
def test_what_is_kept_and_makes_no_sense_is_told(run: Path, kept: Any) -> None:
    """A store that somebody wrote into is an error of the store, and no page."""
    _keep(run, kept)
    with pytest.raises(StoreError, match="carbon or fleet that is none"):
        report(run)


def test_a_currency_is_no_markup(run: Path) -> None:
    """What is no currency is refused, wherever it comes from."""
    _keep(run, {"fleet": {"devices": 1, "electricity_price": 1.0, "currency": "<script>"}})
    with pytest.raises(StoreError, match="three capital letters"):
        report(run)


def test_a_meter_makes_derived_figures(
    place: Path, write_intent: Intent, declare_in: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a power meter nothing is marked as an estimate, and the battery life is that of the verdict."""
    monkeypatch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
    monkeypatch.setattr(MeterSpec, "shortest_window_s", property(lambda _: 0.6))
    port = place / "meter"
    declared = declare_in(place, local={"meter": {"type": "lpm01a", "port": str(port), "volts": 3.0}})
    protocol = (
        "{preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.02 s, latency_calls: 64, "
        "idle_seconds: 0.4 s, idle_samples: 4, energy_seconds: 0.6 s, energy_windows: 1}"
    )
    intent = write_intent(**FEW, protocol=protocol, carbon=CARBON, fleet=FLEET)
    with Following(os.getpid(), 0.04, 0.03) as power, Lpm01aEmulator(power, volts=3.0) as meter:
        port.symlink_to(meter.path)
        autoedge.select(intent, out=place / "run", targets=declared)
    document = report(place / "run")
    chosen, told = document["verdict"]["chosen"], document["operation"]["chosen"]
    assert {figure["source"] for figure in told.values()} <= {"measured", "derived"}
    if "battery_life_h" in chosen["metrics"]:  # else net energy was lost to another process of this machine
        assert told["battery_life_h"] == chosen["metrics"]["battery_life_h"]
        assert 0.03 < told["mean_power_w"]["value"] < 0.2
    else:
        assert document["operation"]["missing"]

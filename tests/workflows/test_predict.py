"""Devices that the user does not have, ranked from results recorded on them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from autoedge.campaign.campaign import write_campaign
from autoedge.campaign.card import Card
from autoedge.errors import DataError, IntentError, SurrogateError
from autoedge.workflows.predict import predict

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Record = Callable[..., Path]
    Intent = Callable[..., Path]

SPEEDS = {"slow": 8.0, "fast": 1.0, "middle": 3.0}
WISH = {
    "constraints": "[accuracy >= 90 %, latency_p50 <= 10 s, memory_peak <= 64 MiB, latency_p50 <= 50 % of baseline]",
    "objectives": "[latency_p50, accuracy]",
}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """``record(name, boards, models, **columns)``: a campaign of other models on made-up boards."""

    def write(name: str = "boards", boards: tuple[str, ...] = tuple(SPEEDS), models: int = 5, **columns: Any) -> Path:
        rng = np.random.default_rng(0)
        rows = [
            {
                "device": board,
                "model": f"other{model}",
                "precision": precision,
                "batch": batch,
                "threads": 1,
                "log_macs": 1.5 + 0.6 * model,
                "latency_p50_ms": SPEEDS[board] * 10 ** (0.6 * model) * batch**0.9 * math.exp(rng.normal(0, 0.03)),
                "memory_peak_mib": 30.0 + 2.0 * model,
                **columns,
            }
            for board in boards
            for model in range(models)
            for precision in ("fp32", "int8-dynamic")
            for batch in (1, 2, 4, 8)
        ]
        log = {"direction": "minimize", "scale": "log"}
        objectives = {name: log for name in ("latency_p50_ms", "memory_peak_mib") if name in rows[0]}
        card = {
            "schema_version": 1,
            "name": name,
            "rows": "rows.parquet",
            "target": "device",
            "knobs": {
                "model": {"type": "categorical"},
                "precision": {"type": "categorical"},
                "batch": {"type": "int"},
                "threads": {"type": "int"},
            },
            "features": {"log_macs": {}},
            "objectives": objectives,
        }
        write_campaign(tmp_path / name, Card.model_validate(card), pd.DataFrame(rows))
        return tmp_path / name

    return write


def test_devices_are_ranked_by_what_is_expected(record: Record, write_intent: Intent) -> None:
    """The fast board comes first; every figure is an estimate inside its band, and nothing is decided."""
    found = predict(write_intent(**WISH), [str(record())])
    assert [device["target"] for device in found["ranking"]] == ["fast", "middle", "slow"]
    assert "outcome" not in json.dumps(found)
    for device in found["ranking"]:
        for candidate in device["candidates"]:
            assert candidate["figures"].keys() == {"latency_p50_ms", "memory_peak_mib"}
            for figure in candidate["figures"].values():
                assert figure["source"] == "estimated"
                assert figure["low"] < figure["value"] < figure["high"]
            assert candidate["limits"] == {"latency_p50 <= 10 s": "inside", "memory_peak <= 64 MiB": "inside"}
        assert device["held_out"]["latency_p50_ms"]["model"]["spearman"] > 0.8
        assert device["shared"] == ["batch", "log_macs", "precision"]
    untold = {one["what"] for one in found["not_predicted"]}
    assert untold == {"accuracy", "latency_p50 <= 50 % of baseline"}


def test_targets_and_top(record: Record, write_intent: Intent) -> None:
    """Only the targets named are ranked, and as many as asked for; the rest is counted."""
    folder = record()
    found = predict(write_intent(**WISH), [f"{folder}:slow,middle"], top=1)
    assert [device["target"] for device in found["ranking"]] == ["middle"]
    assert found["devices"] == 2
    with pytest.raises(DataError, match="no target 'none'"):
        predict(write_intent(**WISH), [f"{folder}:none"])


def test_what_cannot_be_kept_comes_last(record: Record, write_intent: Intent) -> None:
    """A device that is expected to break a limit comes after one that keeps it, however fast it is."""
    record("small", ("slow",))
    record("large", ("fast",), memory_peak_mib=200.0)
    words = [str(record("small", ("slow",))), str(record("large", ("fast",), memory_peak_mib=200.0))]
    found = predict(write_intent(**WISH), words)
    assert [device["target"] for device in found["ranking"]] == ["slow", "fast"]
    limits = found["ranking"][1]["candidates"][0]["limits"]
    assert limits["memory_peak <= 64 MiB"] == "outside"


def test_a_limit_that_is_unknown_comes_between_kept_and_broken(record: Record, write_intent: Intent) -> None:
    """A device whose results do not know a limited metric does not pass for one that keeps the limit."""
    kept = record("kept", ("slow",))
    broken = record("broken", ("fast",), memory_peak_mib=200.0)
    unknown = record("unknown", ("middle",), memory_peak_mib=float("nan"))
    found = predict(write_intent(**WISH), [str(broken), str(unknown), str(kept)])
    assert [device["campaign"] for device in found["ranking"]] == ["kept", "unknown", "broken"]
    limits = [device["candidates"][0]["limits"]["memory_peak <= 64 MiB"] for device in found["ranking"]]
    assert limits == ["inside", "unknown", "outside"]


def test_devices_named_alike_are_two(record: Record, write_intent: Intent, tmp_path: Path) -> None:
    """Campaigns of one name in two folders keep their rows apart, and the ranking says which is which."""
    slow, fast = (record("export", (board,)).rename(tmp_path / board) for board in ("slow", "fast"))
    for folder in (slow, fast):
        frame = pd.read_parquet(folder / "rows.parquet")
        frame.assign(device="local").to_parquet(folder / "rows.parquet")
    found = predict(write_intent(**WISH), [str(slow), str(fast)])
    assert [device["target"] for device in found["ranking"]] == ["local", "local"]
    assert [device["campaign"] for device in found["ranking"]] == [f"export ({fast})", f"export ({slow})"]
    assert {device["rows"] for device in found["ranking"]} == {40}


def test_a_device_that_knows_the_objective_of_one_model_is_not_ranked(record: Record, write_intent: Intent) -> None:
    """Latencies of one model alone say nothing of others: the device is named with the reason, others are ranked."""
    half = record("half", ("fast",))
    frame = pd.read_parquet(half / "rows.parquet")
    frame.loc[frame["model"] != "other2", "latency_p50_ms"] = np.nan
    frame.to_parquet(half / "rows.parquet")
    found = predict(write_intent(**WISH), [str(record("boards", ("slow",))), str(half)])
    assert [device["target"] for device in found["ranking"]] == ["slow"]
    [reason] = found["not_ranked"]
    assert reason == {"target": "half:fast", "reason": "its results tell latency_p50_ms of none of these candidates"}
    with pytest.raises(SurrogateError, match="no device can be ranked: half:fast: its results tell"):
        predict(write_intent(**WISH), [str(half)])


def test_a_device_without_an_objective_is_not_ranked(record: Record, write_intent: Intent) -> None:
    """Who lacks a figure that others have is named with the reason; who has a single model, too."""
    blind = record("blind", ("middle",), latency_p50_ms=float("nan"))
    single = record("single", ("fast",), models=1)
    found = predict(write_intent(**WISH), [str(record("boards", ("slow",))), str(blind), str(single)])
    assert [device["target"] for device in found["ranking"]] == ["slow"]
    reasons = {one["target"]: one["reason"] for one in found["not_ranked"]}
    assert "latency_p50_ms" in reasons["blind:middle"]
    assert "single model" in reasons["single:fast"]


def test_estimated_results_teach_nothing(record: Record, write_intent: Intent) -> None:
    """Figures that were themselves estimated are not learned from."""
    folder = record("guessed", ("fast",), latency_p50_ms_source="estimated")
    with pytest.raises(IntentError, match="no history knows latency_p50_ms"):
        predict(write_intent(**WISH), [str(folder)])


def test_nothing_shared(record: Record, write_intent: Intent, tmp_path: Path) -> None:
    """Results in which no column is the intent's, and intents of which nothing can be told, are bad input."""
    folder = record("foreign", ("fast",))
    card = json.loads((folder / "campaign.json").read_text())
    frame = pd.read_parquet(folder / "rows.parquet")
    names = {"precision": "bits", "batch": "group", "threads": "cores", "log_macs": "params", "model": "net"}
    for role in ("knobs", "features"):
        card[role] = {names[name]: about for name, about in card[role].items()}
    write_campaign(tmp_path / "other", Card.model_validate(card), frame.rename(columns=names))
    with pytest.raises(SurrogateError, match="share no knob and no known feature"):
        predict(write_intent(**WISH), [str(tmp_path / "other")])
    card["knobs"]["batch"] = card["knobs"].pop("group")
    back = frame.rename(columns=names | {"batch": "batch"})
    write_campaign(tmp_path / "alike", Card.model_validate(card | {"name": "alike"}), back)
    with pytest.raises(SurrogateError, match="know no feature of models"):
        predict(write_intent(**WISH), [str(tmp_path / "alike")])
    with pytest.raises(IntentError, match="accuracy: it belongs to the model and the data"):
        predict(write_intent(constraints=None, objectives="[accuracy]"), [str(folder)])


def test_the_command(record: Record, write_intent: Intent, autoedge: Command) -> None:
    """It prints a ranking that calls every figure estimated, the same as JSON, and ends with 0, or 2 on bad input."""
    intent, folder = write_intent(**WISH), record()
    ran = autoedge("predict", "--intent", intent, "--history", folder, "--top", "2")
    assert ran.returncode == 0, ran.stderr
    assert "all figures are estimated" in ran.stdout
    assert ran.stdout.index("fast") < ran.stdout.index("middle")
    assert "and 1 device more" in ran.stdout
    found = json.loads(autoedge("predict", "--intent", intent, "--history", folder, "--json").stdout)
    assert found["estimated"] is True
    assert len(found["ranking"]) == 3
    bad = autoedge("predict", "--intent", intent, "--history", "nowhere")
    assert bad.returncode == 2
    assert "is no campaign" in bad.stderr

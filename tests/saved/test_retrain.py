"""The retraining job, from the command line and from the library."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.campaign.campaign import Campaign
from autoedge.errors import DataError, IntentError, SurrogateError
from autoedge.surrogate.saved.card import CARD_FILE, EXAM_FILE, MODEL_FILE, TEXT_FILE
from autoedge.surrogate.saved.rows import held_out, rows_of
from autoedge.surrogate.saved.surrogate import load_surrogate
from autoedge.workflows.retrain import retrain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Save = Callable[[str, Campaign], Path]

FILES = {CARD_FILE, EXAM_FILE, MODEL_FILE, TEXT_FILE}


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _autoedge(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autoedge_cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_same_rows_give_the_same_bytes(make: Callable[..., Any], save: Save, tmp_path: Path) -> None:
    """Twice, under another name, with the sources in another order: all files are the same, and whole."""
    one, other = save("one", make()), save("other", make(("jetson",), name="other"))
    assert retrain([str(one), str(other)], tmp_path / "a")["promoted"]
    assert retrain([str(other), str(one), str(one)], tmp_path / "b")["promoted"]
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    assert _bytes(tmp_path / "a").keys() == FILES
    again = retrain([str(one), str(other)], tmp_path / "a")
    assert again["promoted"]
    assert "nothing was changed" in again["reason"]
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")


def test_the_card_tells_what_it_was_made_from(make: Callable[..., Any], save: Save, tmp_path: Path) -> None:
    """Rows, sources, held-out errors by metric, versions; and nothing of the machine that made it."""
    campaign = make(source="a | b [x](http://y) <b>", licence="CC0-1.0")
    frame = campaign.frame.assign(date=["2024-05-01", "2024-06-02"] * (len(campaign.frame) // 2))
    folder = save("one", Campaign(campaign.card, frame))
    retrain([str(folder)], tmp_path / "a")
    card = load_surrogate(tmp_path / "a").card
    assert card.rows + card.held_out_rows == len(frame)
    assert (card.targets, card.models, card.newest) == (2, 6, "2024-06-02")
    assert card.versions.keys() == {"autoedge", "lightgbm", "numpy"}
    metric = card.metrics["latency_p50_ms"]
    for error in (metric.without_target, metric.without_model, metric.unseen):
        assert error is not None
        assert error.spearman is not None
        assert error.spearman > 0.9
    assert metric.without_row is None
    text = (tmp_path / "a" / TEXT_FILE).read_text()
    assert r"a \| b \[x\](http\:\/\/y) \<b\>" in text
    assert "| latency\\_p50\\_ms | the whole target |" in text
    assert str(tmp_path) not in text + (tmp_path / "a" / CARD_FILE).read_text()


def test_worse_rows_are_not_promoted(make: Callable[..., Any], save: Save, shuffled: Campaign, tmp_path: Path) -> None:
    """Shuffled figures: exit 1, and the champion's files stay as they are; more rows of the truth: exit 0."""
    out = tmp_path / "surrogate"
    assert _autoedge("retrain", "--from", save("good", make()), "--out", out).returncode == 0
    before = _bytes(out)
    ran = _autoedge("retrain", "--from", save("bad", shuffled), "--out", out)
    assert ran.returncode == 1
    assert "champion kept" in ran.stdout
    assert "worse beyond chance on latency_p50_ms" in ran.stdout
    assert _bytes(out) == before
    more = save("more", make(("pi4", "pi5", "jetson"), models=8))
    ran = _autoedge("retrain", "--from", more, "--out", out, "--json")
    assert ran.returncode == 0, ran.stdout
    document = json.loads(ran.stdout)
    assert document["comparison"]["promoted"]
    assert document["comparison"]["ratio"] <= 1.05
    assert load_surrogate(out).card.comparison is not None
    assert _bytes(out).keys() == FILES


def test_one_target_and_one_model(make: Callable[..., Any], save: Save, tmp_path: Path) -> None:
    """What cannot be left out is said, and what was left out instead."""
    campaign = make(("pi4",), models=1)
    found = retrain([str(save("one", campaign))], tmp_path / "a")["card"]
    assert any("one target" in note for note in found["notes"])
    assert any("configurations were left out instead" in note for note in found["notes"])
    metric = found["metrics"]["latency_p50_ms"]
    assert metric["without_target"] is metric["without_model"] is None
    assert metric["without_row"]["rows"] == found["rows"]


def _identity_of_one(campaign: Campaign, model: str) -> str:
    """Of the configuration that the next test repeats, with a model of that name."""
    frame = campaign.frame.head(1).assign(model=model, precision="fp32", batch=1, threads=1)
    return str(rows_of(Campaign(campaign.card, frame)).identities[0])


def test_too_little_to_learn(make: Callable[..., Any], save: Save, tmp_path: Path) -> None:
    """One row, or rows that nothing tells apart, are refused, and no folder is left behind."""
    campaign = make()
    row = Campaign(campaign.card, campaign.frame.head(1))
    with pytest.raises(SurrogateError, match="8 rows of a metric"):
        retrain([str(save("row", row))], tmp_path / "a")
    model = next(name for name in map(str, range(99)) if not held_out(_identity_of_one(campaign, name)))
    frame = campaign.frame.assign(model=model, precision="fp32", batch=1, threads=1, log_macs=1.0, device="pi4")
    with pytest.raises(SurrogateError, match="nothing to tell them apart by"):
        retrain([str(save("same", Campaign(campaign.card, frame)))], tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_campaigns_without_a_common_metric(make: Callable[..., Any], save: Save, tmp_path: Path) -> None:
    """Each metric is learned from the campaigns that have it, and judged on them alone."""
    campaign = make(("jetson",))
    frame = campaign.frame.rename(columns={"latency_p50_ms": "frame_time_ms"})
    card = campaign.card.model_dump() | {"name": "other", "objectives": {"frame_time_ms": {"direction": "minimize"}}}
    other = Campaign(campaign.card.model_validate(card), frame)
    found = retrain([str(save("one", make())), str(save("other", other))], tmp_path / "a")["card"]
    assert set(found["metrics"]) == {"latency_p50_ms", "frame_time_ms"}
    rows = {name: metric["rows"] for name, metric in found["metrics"].items()}
    assert sum(rows.values()) == found["rows"]


def test_bad_words(make: Callable[..., Any], save: Save, tmp_path: Path) -> None:
    """Sources that are none, an output that is a file and a damaged champion are bad input, told in one message."""
    good = str(save("good", make()))
    with pytest.raises(IntentError, match="at least one"):
        retrain([], tmp_path / "a")
    (tmp_path / "file").write_text("no database")
    for wrong in ("nowhere", "file", "."):
        with pytest.raises(IntentError, match="neither a campaign nor a store"):
            retrain([str(tmp_path / wrong)], tmp_path / "a")
    for wrong in ("://", "postgresql://user:secret@host:port/x"):
        with pytest.raises(IntentError, match="a URL is such as") as caught:
            retrain([wrong], tmp_path / "a")
        assert "secret" not in str(caught.value)
    with pytest.raises(IntentError, match="is a file"):
        retrain([good], tmp_path / "file")
    (tmp_path / "good" / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        retrain([good], tmp_path / "a")
    hurt = tmp_path / "hurt"
    hurt.mkdir()
    (hurt / CARD_FILE).write_text("{}")
    (hurt / MODEL_FILE).write_text("tree")
    ran = _autoedge("retrain", "--from", save("fine", make()), "--out", hurt)
    assert ran.returncode == 2
    assert "holds no surrogate" in ran.stderr
    assert (hurt / MODEL_FILE).read_text() == "tree"


WRITER = """
import itertools, pathlib, sys
sys.path.insert(0, sys.argv[2])
from stored import measured
from autoedge.store.store import Store

store = Store(pathlib.Path(sys.argv[1]))
for count in itertools.count():
    store.add(*measured(count))
    if count == 150:
        print("ready", flush=True)
"""

STORED = """
from autoedge.candidate import Candidate, Configuration
from autoedge.measurement import Measurement, Phase, Source, Status, Value


def measured(count):
    model, batch, threads = count % 6, 2 ** (count // 6 % 5), 1 + count // 30
    knobs = {"batch": batch, "threads": threads}
    candidate = Candidate(Configuration(f"m{model}", {"precision": "fp32"}, "onnxruntime", knobs), "local")
    latency = 10.0 ** (0.4 * model) * batch * threads**-0.7
    value = Value(latency, latency * 0.9, latency * 1.1, Source.MEASURED, "median", 100)
    guess = Value(latency, latency * 0.5, latency * 2, Source.ESTIMATED, "software estimate", 1)
    row = Measurement(
        candidate.candidate_id, candidate.configuration.config_id, "local", "f" * 16, "1.0", f"{model}" * 64, "",
        "quick-1-0badcafe", "", Phase.SEARCH, 0, Status.OK, metrics={"latency_p50_ms": value, "energy_mj": guess},
        started=1.7e9, variant_key=f"m{model}",
    )
    return row, candidate
"""


def test_a_store_that_is_written_to(tmp_path: Path) -> None:
    """While another process adds row after row, retraining reads what is finished, and disturbs nobody."""
    (tmp_path / "stored.py").write_text(STORED)
    run = tmp_path / "run"
    run.mkdir()
    writing = [sys.executable, "-c", WRITER, str(run / "study.db"), str(tmp_path)]
    with subprocess.Popen(writing, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            first = retrain([str(run)], tmp_path / "a")
            time.sleep(0.5)
            second = retrain([str(run / "study.db")], tmp_path / "b")
            assert writer.poll() is None, writer.stderr
        finally:
            writer.kill()
    seen = [document["card"]["rows"] + document["card"]["held_out_rows"] for document in (first, second)]
    assert 150 <= seen[0] < seen[1]
    assert set(first["card"]["metrics"]) == {"latency_p50_ms"}, "an estimate teaches nothing"
    assert first["card"]["newest"] == "2023-11-14"
    assert np.isfinite(first["card"]["metrics"]["latency_p50_ms"]["unseen"]["rmse"])

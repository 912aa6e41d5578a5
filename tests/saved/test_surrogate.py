"""A saved surrogate, read and applied."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.campaign.campaign import Campaign
from autoedge.campaign.results import Results, results_of
from autoedge.campaign.table import Table
from autoedge.errors import SurrogateError
from autoedge.surrogate.saved.card import CARD_FILE, EXAM_FILE, MODEL_FILE
from autoedge.surrogate.saved.folder import replace_files
from autoedge.surrogate.saved.surrogate import Surrogate, load_surrogate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.surrogate.saved.training import Trained


@pytest.fixture
def folder(tmp_path: Path, taught: Trained) -> Path:
    """A surrogate's folder."""
    files = {
        MODEL_FILE: taught.text,
        CARD_FILE: taught.card.model_dump_json(),
        EXAM_FILE: taught.exam.model_dump_json(),
    }
    replace_files(tmp_path / "surrogate", files)
    return tmp_path / "surrogate"


def test_what_was_saved_predicts_the_law(folder: Path, make: Callable[..., Any]) -> None:
    """Read again, it gives natural logarithms of the metric, near to what a target of the training measured."""
    found = load_surrogate(folder)
    campaign = make(seed=9)
    for target in ("pi4", "boards:pi5"):
        results = replace(results_of(Table(campaign, target.rpartition(":")[2])), name=target)
        mean, std = found.predict(results, "latency_p50_ms")
        truth = results.values["latency_p50_ms"] * np.log(10)
        assert np.median(np.abs(mean - truth)) < 0.15
        assert np.mean(np.abs(mean - truth) < 2 * std) > 0.9
    with pytest.raises(SurrogateError, match="latency_p50_ms, but not 'energy_mj'"):
        found.predict(results, "energy_mj")


def test_held_out_errors_are_those_of_new_noise(taught: Trained) -> None:
    """On rows that it never saw, a law with 5 % noise is met within about 10 %, and the ranks agree."""
    unseen = taught.card.metrics["latency_p50_ms"].unseen
    assert unseen is not None
    assert unseen.median_ape is not None
    assert unseen.median_ape < 0.15
    assert unseen.spearman is not None
    assert unseen.spearman > 0.95


def test_an_unknown_model_is_ranked_by_its_features(folder: Path) -> None:
    """A larger model beyond all that were recorded is expected to be slower, whatever it is called."""
    found = load_surrogate(folder)
    macs = np.array([4.0, 6.0, 8.5, 10.0])
    knobs = {"model": np.array(["m0"] * 4, dtype=object), "batch": np.ones(4), "threads": np.ones(4)}
    knobs["precision"] = np.array(["fp32"] * 4, dtype=object)
    candidates = Results("elsewhere", knobs, frozenset({"batch", "threads"}), {"log_macs": macs})
    mean, _ = found.predict(candidates, "latency_p50_ms")
    assert (np.diff(mean) > 0).all()


def test_what_is_not_known_widens_the_deviation(folder: Path) -> None:
    """Without its features a candidate is less sure, and with nothing in common there is no answer at all."""
    found = load_surrogate(folder)
    model = {"model": np.array(["other"], dtype=object)}
    knobs = {"batch": np.ones(1), "threads": np.ones(1), "precision": np.array(["fp32"], dtype=object), **model}
    ordered = frozenset({"batch", "threads"})
    _, full = found.predict(Results("x", knobs, ordered, {"log_macs": np.array([6.0])}), "latency_p50_ms")
    _, less = found.predict(Results("x", knobs, ordered), "latency_p50_ms")
    assert less[0] > full[0] > 0
    for foreign in ({"width": np.ones(1)}, {"precision": np.array(["w8a8"], dtype=object), **model}):
        mean, std = found.predict(Results("pi4", foreign, frozenset({"width"})), "latency_p50_ms")
        assert np.isnan(mean).all()
        assert np.isnan(std).all()


def test_no_candidates_no_predictions(folder: Path) -> None:
    """An empty list of candidates has an empty answer."""
    empty = Results("x", {"batch": np.zeros(0)}, frozenset({"batch"}))
    mean, std = load_surrogate(folder).predict(empty, "latency_p50_ms")
    assert mean.shape == std.shape == (0,)


def _change(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / CARD_FILE
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(model_sha256="0" * 64), "is not the file that card.json names"),
        (lambda card: card.update(exam_sha256="0" * 64), "is not the file that card.json names"),
        (lambda card: card.update(run="rm -rf /"), "run: Extra inputs"),
        (lambda card: card.update(schema_version=2), "schema_version"),
        (lambda card: card.update(columns=card["columns"] * 2), "named once"),
        (lambda card: card["columns"].pop(), "one number for each column"),
        (lambda card: card["trend"]["centres"].append(0.0), "one number for each column"),
        (lambda card: card["trend"]["slopes"][0].append(0.0), "one number for each column"),
        (lambda card: card["metrics"]["latency_p50_ms"].update(spread=0), "spread"),
        (lambda card: card["metrics"]["latency_p50_ms"].update(centre=float("nan")), "finite"),
        (lambda card: card["metrics"].clear(), "metrics"),
        (lambda card: card["columns"][0].update(scale="pickle"), "scale"),
    ],
)
def test_a_hostile_card_is_refused(folder: Path, change: Callable[[Any], None], message: str) -> None:
    """A card that does not fit is told with its file and the key, and nothing is made of it."""
    _change(folder, change)
    with pytest.raises(SurrogateError, match=message) as caught:
        load_surrogate(folder)
    assert str(folder) in str(caught.value)


def test_files_that_are_none(folder: Path, tmp_path: Path) -> None:
    """Missing, huge, binary and foreign files end in one message."""
    with pytest.raises(SurrogateError, match="holds no surrogate"):
        load_surrogate(tmp_path / "nowhere")
    (folder / CARD_FILE).write_bytes(b"\xff\x00")
    with pytest.raises(SurrogateError, match=CARD_FILE):
        load_surrogate(folder)
    with (folder / MODEL_FILE).open("wb") as file:
        file.truncate(2**40)  # sparse: it takes no room
    with pytest.raises(SurrogateError, match="at most 67,108,864 bytes"):
        load_surrogate(folder)
    (folder / MODEL_FILE).unlink()
    (folder / MODEL_FILE).mkdir()
    with pytest.raises(SurrogateError, match="cannot be read"):
        load_surrogate(folder)


def test_a_card_with_the_trees_of_another_is_refused(taught: Trained) -> None:
    """Trees over more columns than the card names never get to LightGBM."""
    metric = next(iter(taught.card.metrics.values()))
    narrow = taught.card.model_copy(
        update={
            "columns": taught.card.columns[:1],
            "trend": taught.card.trend.model_copy(
                update={"centres": taught.card.trend.centres[:1], "slopes": taught.card.trend.slopes[:1]}
            ),
            "metrics": {"latency_p50_ms": metric.model_copy(update={"unknown": metric.unknown[:1]})},
        }
    )
    with pytest.raises(SurrogateError, match="looks at none of the 1 columns"):
        Surrogate(narrow, taught.text)


def test_two_models_are_enough(make: Callable[..., Any], teach: Callable[..., Any]) -> None:
    """With one of two models left out nothing tells models apart, and the held-out error stays within reason."""
    trained = teach(make(models=2))
    error = trained.card.metrics["latency_p50_ms"].without_model
    assert error is not None
    assert error.rmse < 3.0


@pytest.mark.parametrize("kind", [int, float, str])
def test_a_level_is_known_however_it_is_written(
    make: Callable[..., Any], teach: Callable[..., Trained], kind: type
) -> None:
    """A choice among numbers, learned as 1.0 from one file, is the same one when it is asked as 1 or as text."""
    campaign = make()
    knobs = campaign.card.model_dump()["knobs"] | {"batch": {"type": "categorical"}}
    card = campaign.card.model_validate(campaign.card.model_dump() | {"knobs": knobs})
    trained = teach(Campaign(card, campaign.frame.assign(batch=campaign.frame["batch"].astype(float))))
    plain = results_of(Table(campaign, "pi4"))
    levels = np.array([kind(level) for level in plain.knobs["batch"].astype(int)], dtype=object)
    asked = replace(plain, knobs={**plain.knobs, "batch": levels}, ordered=plain.ordered - {"batch"})
    mean, _ = Surrogate(trained.card, trained.text).predict(asked, "latency_p50_ms")
    assert np.median(np.abs(mean - plain.values["latency_p50_ms"] * np.log(10))) < 0.15

"""``autoedge surrogate evaluate``: predictions of a target from others, judged on what was recorded."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from autoedge.campaign.campaign import write_campaign
from autoedge.campaign.card import Card
from autoedge.errors import DataError, IntentError
from autoedge.workflows.evaluate import document, evaluate
from autoedge.workflows.events import StageBegan
from autoedge_cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.workflows.events import Event

BOARDS = ("pi4", "pi5", "nano", "coral", "phone")


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Five boards on which 240 models of three families differ in how much width and depth cost; one has few rows."""
    rng = np.random.default_rng(0)
    rows = []
    for board in (*BOARDS, "rare"):
        speed, width_cost, depth_cost = rng.uniform(1, 10), rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5)
        family_cost = {"a": 0.0, "b": 0.2 * rng.random(), "c": 0.2 * rng.random()}
        for family in "abc":
            for width in np.linspace(0.25, 2.0, 10):
                for depth in range(1, 9):
                    work = width_cost * np.log10(width) + depth_cost * np.log10(depth) + family_cost[family]
                    latency = speed * 10.0 ** (work + 0.01 * rng.standard_normal())
                    rows.append((board, family, width, depth, 1e6 * width * depth, latency, 70.0 + width))
    names = ["board", "family", "width", "depth", "macs", "latency_ms", "accuracy_pct"]
    frame = pd.DataFrame(rows, columns=names)
    frame = frame[(frame["board"] != "rare") | (np.arange(len(frame)) % 60 == 0)]
    card: dict[str, Any] = {
        "schema_version": 1,
        "name": "boards",
        "rows": "rows.csv",
        "target": "board",
        "knobs": {"family": {"type": "categorical"}, "width": {"type": "float"}, "depth": {"type": "int"}},
        "features": {"macs": {"scale": "log"}},
        "objectives": {
            "latency_ms": {"direction": "minimize", "scale": "log"},
            "accuracy_pct": {"direction": "maximize"},
        },
    }
    write_campaign(tmp_path / "boards", Card.model_validate(card), frame)
    return tmp_path / "boards"


def asked(campaign: Path, **changes: Any) -> dict[str, Any]:
    """What is asked in these tests."""
    usual: dict[str, Any] = {
        "train_targets": ["pi4", "pi5", "nano"],
        "test_targets": ["coral", "phone"],
        "objective": "latency_ms",
        "train_samples": 100,
        "samples": 10,
        "seeds": 2,
    }
    return {"campaign": campaign, **usual, **changes}


def test_new_boards_are_ranked_from_ten_rows(campaign: Path) -> None:
    """Boards of the same kind are ranked nearly as recorded, with errors of a few per cent."""
    found = evaluate(**asked(campaign))
    assert list(found.targets) == ["coral", "phone"]
    for skill in found.targets.values():
        assert skill.spearman > 0.98
        assert skill.median_ape <= skill.mape < 0.1
        assert skill.within_10pct > 0.7
        assert 0.7 < skill.covered_90 <= 1.0


def test_the_same_seeds_give_the_same_figures(campaign: Path) -> None:
    """All figures are the same, and those of a target do not depend on which others are tested."""
    both = evaluate(**asked(campaign))
    alone = evaluate(**asked(campaign, test_targets=["phone"]))
    assert asdict(both) == asdict(evaluate(**asked(campaign)))
    assert both.targets["phone"].spearman == pytest.approx(alone.targets["phone"].spearman, abs=1e-3)


def test_more_rows_of_its_own_help(campaign: Path) -> None:
    """Forty rows of a board predict it better than three."""
    few, many = (evaluate(**asked(campaign, samples=count, seeds=4)).targets["coral"] for count in (3, 40))
    assert many.mape < few.mape


def test_a_spread_choice_is_one_more_way(campaign: Path) -> None:
    """It is judged in the same way, and says that it was made."""
    found = evaluate(**asked(campaign, choice="spread"))
    assert found.choice == "spread"
    assert found.targets["coral"].spearman > 0.98


def test_without_rows_of_its_own_a_board_is_ranked_only(campaign: Path) -> None:
    """The order comes from the other boards; how fast it is nobody can know, and that shows."""
    skill = evaluate(**asked(campaign, samples=0)).targets["coral"]
    assert skill.spearman > 0.9
    assert skill.mape > 0.3


def test_each_seed_is_told(campaign: Path) -> None:
    """One event a seed, in order."""
    events: list[Event] = []
    evaluate(**asked(campaign), on_event=events.append)
    assert [event.detail.split(",")[0] for event in events if isinstance(event, StageBegan)] == [
        "seed 1 of 2",
        "seed 2 of 2",
    ]


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"test_targets": ["corral"]}, DataError, "no target 'corral'"),
        ({"train_targets": ["pi4", "phone"]}, IntentError, "phone is both"),
        ({"train_targets": ["pi4", "pi4"]}, IntentError, "named once"),
        ({"train_targets": []}, IntentError, "at least one training target"),
        ({"train_samples": 500}, DataError, "240 rows, but 500 are needed"),
        ({"test_targets": ["rare"]}, DataError, "4 rows, but 13 are needed; lower --samples"),
        ({"objective": "latency"}, DataError, "did you mean latency_ms"),
        ({"samples": -1}, IntentError, "samples are at least 0"),
        ({"seeds": 0}, IntentError, "seeds are at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(campaign: Path, change: dict[str, Any], kind: type, said: str) -> None:
    """The message says what is wrong, and what to do."""
    with pytest.raises(kind, match=said):
        evaluate(**asked(campaign, **change))


def test_a_figure_without_meaning_is_null(campaign: Path) -> None:
    """JSON has no NaN: where all that was recorded is 0 there is no relative error, and no order."""
    assert document(evaluate(**asked(campaign, objective="accuracy_pct")))["targets"]["coral"]["mape"] is not None
    frame = pd.read_csv(campaign / "rows.csv")
    frame.loc[frame["board"] == "coral", "accuracy_pct"] = 0.0
    frame.to_csv(campaign / "rows.csv", index=False)
    found = document(evaluate(**asked(campaign, objective="accuracy_pct")))
    coral = found["targets"]["coral"]
    assert {coral[name] for name in ("mape", "median_ape", "within_10pct", "spearman")} == {None}
    assert coral["covered_90"] is not None
    json.dumps(found, allow_nan=False)


def test_a_recorded_zero_is_left_out_of_relative_errors(campaign: Path) -> None:
    """Rows recorded as 0 take no figure from the others, as in the card of a saved surrogate."""
    frame = pd.read_csv(campaign / "rows.csv")
    frame.loc[(frame["board"] == "coral") & (frame["width"] == 0.25), "accuracy_pct"] = 0.0
    frame.to_csv(campaign / "rows.csv", index=False)
    found = document(evaluate(**asked(campaign, objective="accuracy_pct")))["targets"]["coral"]
    assert found["mape"] is not None
    assert found["median_ape"] <= found["mape"]


def test_the_command_writes_the_documented_json(
    campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--json FILE`` holds the figures by target; the table shows the same, without anything of the names acting."""
    words = ["surrogate", "evaluate", "--campaign", str(campaign), "--train-targets", "pi4,pi5, nano"]
    words += ["--train-samples", "100", "--test-targets", "coral,phone", "--seeds", "1", "--objective", "latency_ms"]
    assert run([*words, "--json", str(tmp_path / "out.json")]) == 0
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["schema_version"] == 1
    assert told["samples"] == 10
    assert {"spearman", "mape", "median_ape", "within_10pct"} <= set(told["targets"]["coral"])
    shown = capsys.readouterr().out
    assert f"{told['targets']['phone']['spearman']:.3f}" in shown
    assert "chosen at random" in shown


def test_the_command_ends_with_2_on_bad_input(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A target that does not exist: exit code 2, one message, no figures."""
    words = ["surrogate", "evaluate", "--campaign", str(campaign), "--train-targets", "pi4"]
    assert run([*words, "--test-targets", "moon\x1b[31m", "--objective", "latency_ms"]) == 2
    captured = capsys.readouterr()
    assert "no target" in captured.err
    assert "\x1b" not in captured.err
    assert captured.out == ""

"""Replayed strategies in figures and as a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import DataError
from autoedge.report import replay_plot
from autoedge.report.replay_plot import check_plot, plot_replay
from autoedge.report.replay_summary import seeds_of, summaries

if TYPE_CHECKING:
    from pathlib import Path


def seed_run(number: int, shares: list[float], **other: Any) -> dict[str, Any]:
    """One run of a document."""
    return {"seed": number, "hypervolume": shares, "proposal_ms": [1.0 + number] * len(shares), "to_95": None, **other}


def document(**strategies: list[dict[str, Any]]) -> dict[str, Any]:
    """A document with these runs."""
    return {
        "campaign": "boards",
        "target": "pi4",
        "objectives": {"latency_ms": "minimize", "accuracy": "maximize"},
        "constraints": [],
        "strategies": {name: {"history": False, "seeds": runs} for name, runs in strategies.items()},
    }


CURVES = document(
    surrogate=[seed_run(n, [0.4 + n / 100, 0.8, 0.9 + n / 50, 1.0]) for n in range(4)],
    random=[seed_run(n, [0.3, 0.5 + n / 10, 0.8, 0.85]) for n in range(4)],
)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=9))
def test_quartiles_are_those_of_the_seeds(curves: list[list[float]]) -> None:
    """After each measurement, lower quartile, median and upper quartile over the runs."""
    [found] = summaries(document(tpe=[seed_run(n, curve) for n, curve in enumerate(curves)]))
    assert found.seeds == len(curves)
    assert found.quartiles == pytest.approx(np.percentile(curves, [25, 50, 75], axis=0))
    assert found.proposal_ms == pytest.approx(1 + (len(curves) - 1) / 2)


@pytest.mark.parametrize(
    ("counts", "median"),
    [([4, 8, 6], 6), ([4, 8], 6), ([4, None, 6], 6), ([4, None, None], None), ([4, None], None), ([None], None)],
)
def test_what_is_never_reached_is_later_than_everything(counts: list[int | None], median: float | None) -> None:
    """The median counts runs that did not get there; where half or more did not there is none."""
    runs = [seed_run(n, [0.5], to_95=count, regret=[count]) for n, count in enumerate(counts)]
    [found] = summaries(document(tpe=runs))
    assert found.counts == {"to_95": median}
    assert found.regret == median


def test_strategies_without_a_finished_run_are_left_out() -> None:
    """An interrupt may come before the first."""
    assert [one.strategy for one in summaries(document(tpe=[], random=[seed_run(0, [0.5])]))] == ["random"]


def test_an_interrupted_replay_compares_the_same_seeds() -> None:
    """Only seeds that every strategy finished count; where there is no such seed, each has its own."""
    short, long = [seed_run(n, [0.5]) for n in (1, 0)], [seed_run(n, [n / 10]) for n in range(4)]
    found = {one.strategy: one for one in summaries(document(tpe=short, gp=[], random=long))}
    assert {name: one.seeds for name, one in found.items()} == {"tpe": 2, "random": 2}
    assert found["random"].quartiles[1].tolist() == [0.05]
    apart = summaries(document(tpe=[seed_run(1, [0.5])], random=[seed_run(0, [0.5]), seed_run(2, [0.5])]))
    assert seeds_of(apart) == "1 to 2 seeds"


def test_a_strategy_with_history_is_told_apart() -> None:
    """It bears a title of its own."""
    plain = document(surrogate=[seed_run(0, [0.5])])
    assert summaries(plain)[0].title == "surrogate"
    plain["strategies"]["surrogate"]["history"] = True
    assert summaries(plain)[0].title == "surrogate with history"


def test_the_picture_shows_every_strategy(tmp_path: Path) -> None:
    """An SVG with the axes' names, each strategy, and text that stays text; the same figures give the same bytes."""
    plot_replay(CURVES, tmp_path / "a.svg")
    plot_replay(CURVES, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    texts = {(node.text or "").strip() for node in ET.fromstring((tmp_path / "a.svg").read_text()).iter()}  # noqa: S314 - our own
    assert {"surrogate", "random", "measurements", "share of the true hypervolume (%)"} <= texts
    assert "median of 4 seeds, band: quartiles" in texts
    assert "boards, pi4" in texts


def test_a_png_is_one(tmp_path: Path) -> None:
    """The ending of the name decides, in any case."""
    plot_replay(CURVES, tmp_path / "a.PNG")
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("name", ["$x_{", "a\x1b[2Jb\n", "<script>", "\N{RIGHT-TO-LEFT OVERRIDE}x", "x" * 5000])
def test_names_from_outside_do_no_harm(tmp_path: Path, name: str) -> None:
    """A name is neither a formula nor markup, and never makes the picture fail."""
    plot_replay(CURVES | {"target": name, "constraints": [f"{name} >= 1"]}, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    ET.fromstring(text)  # noqa: S314 - our own
    assert not {"\x1b", "\N{RIGHT-TO-LEFT OVERRIDE}"} & set(text)
    assert len(text) < 100_000


def test_one_measurement_and_one_seed_make_a_picture(tmp_path: Path) -> None:
    """Nothing to draw a line through is no error."""
    plot_replay(document(tpe=[seed_run(0, [1.0])]), tmp_path / "a.svg")
    assert "median of 1 seed" in (tmp_path / "a.svg").read_text()


def test_many_strategies_differ_in_colour_and_style() -> None:
    """No two of the strategies there are look alike, with colours or without."""
    assert len(set(replay_plot._COLOURS)) == len(set(replay_plot._STYLES)) >= 6
    assert math.prod((len(replay_plot._COLOURS), 1)) == len(replay_plot._STYLES)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("a.pdf", "a picture is a .png or .svg file"), ("a", "a picture is a"), ("none/a.png", "there is no folder")],
)
def test_what_cannot_be_drawn_is_told_at_once(tmp_path: Path, name: str, problem: str) -> None:
    """The format and the folder are looked at before anything is replayed."""
    with pytest.raises(DataError, match=problem):
        check_plot(tmp_path / name)


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setattr(replay_plot, "find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"a picture needs matplotlib: pip install 'autoedge\[plot\]'"):
        plot_replay(CURVES, tmp_path / "a.png")

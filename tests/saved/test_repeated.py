"""The same measurement under other names: never learned from where a surrogate is judged on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from autoedge.campaign.campaign import Campaign
from autoedge.surrogate.saved.repeated import without_repeats
from autoedge.surrogate.saved.rows import joined, rows_of
from autoedge.surrogate.saved.surrogate import load_with_exam
from autoedge.workflows.retrain import retrain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., Campaign]
    Save = Callable[[str, Campaign], Path]

EXTRA = {"type": "categorical"}


def _changed(campaign: Campaign, *, knobs: dict[str, Any] | None = None, **columns: Any) -> Campaign:
    """The campaign under another name, with columns and knobs added or replaced."""
    card = campaign.card.model_dump()
    card |= {"name": "again", "knobs": card["knobs"] | (knobs or {})}
    return Campaign(campaign.card.model_validate(card), campaign.frame.assign(**columns))


@pytest.fixture
def noise(make: Make) -> Campaign:
    """One board on which nothing can be learned: whoever is right there has seen the rows."""
    campaign = make(("pi4",))
    figures = np.exp(np.random.default_rng(0).normal(size=len(campaign.frame)))
    return Campaign(campaign.card, campaign.frame.assign(latency_p50_ms=figures))


def test_a_version_of_the_runtime_changes_no_side(make: Make) -> None:
    """A later export has a column more once a second version came; rows are held out as before."""
    one, other = make(), _changed(make(), knobs={"runtime_version": EXTRA}, runtime_version="1.22")
    assert rows_of(one).identities.tolist() == rows_of(other).identities.tolist()


@pytest.mark.parametrize("level", ["none", None, np.nan])
def test_a_knob_that_does_not_apply_changes_no_side(make: Make, level: object) -> None:
    """A knob that another row brings in, and that this one lacks, is as if it were not there."""
    other = _changed(make(), knobs={"graph": EXTRA}, graph=level)
    assert rows_of(make()).identities.tolist() == rows_of(other).identities.tolist()


@pytest.mark.parametrize("kind", [str, float, lambda level: f"{level}.0"])
def test_a_number_is_one_number_however_it_is_written(make: Make, kind: Callable[[int], object]) -> None:
    """As text, with a point, as text with a point: the same row."""
    campaign = make()
    levels = [kind(level) for level in campaign.frame["batch"]]
    other = _changed(campaign, knobs={"batch": EXTRA}, batch=pd.Series(levels, dtype=object))
    assert rows_of(campaign).identities.tolist() == rows_of(other).identities.tolist()


def test_another_name_of_the_device_changes_no_side(make: Make) -> None:
    """The same configuration is held out on every device, so what a device is called cannot bring it over."""
    one, other = rows_of(make(("pi4",))), rows_of(_changed(make(("pi4",)), device="desk"))
    assert one.held_out.tolist() == other.held_out.tolist()
    assert not set(one.identities) & set(other.identities), "they are two devices all the same"


def test_a_fingerprint_tells_what_a_name_does_not(make: Make) -> None:
    """Rows of our own campaigns are the same under another name of the device, and whichever knobs the card names."""
    campaign = make(("pi4",))
    ids = [f"{row:010x}@local" for row in range(len(campaign.frame))]
    one = _changed(campaign, fingerprint="f" * 16, candidate_id=ids)
    other = _changed(campaign, knobs={"more": EXTRA}, fingerprint="f" * 16, candidate_id=ids, device="desk", more="x")
    assert rows_of(one).identities.tolist() == rows_of(other).identities.tolist()
    third = _changed(campaign, fingerprint="0" * 16, candidate_id=ids)
    assert not set(rows_of(one).identities) & set(rows_of(third).identities)


def test_what_is_no_id_of_ours_is_not_believed(make: Make) -> None:
    """A column that only has the name does not put all rows on one side."""
    rows = rows_of(_changed(make(), candidate_id="the same"))
    assert rows.identities.tolist() == rows_of(make()).identities.tolist()


@pytest.mark.parametrize("name", ["pi4", "desk"])
def test_repeated_figures_count_once(make: Make, name: str) -> None:
    """Rows with the same figures for the same levels are one measurement, whatever column tells them apart."""
    campaign = make(("pi4",))
    copy = _changed(campaign, knobs={"compiler": EXTRA}, compiler="gcc", device=name)
    kept, repeated = without_repeats(joined([rows_of(campaign), rows_of(copy)]))
    assert (len(kept), repeated) == (len(campaign.frame), len(campaign.frame))
    one, other = (rows_of(each) for each in (campaign, copy))
    held = {figure for rows in (one, other) for figure in rows.metrics["latency_p50_ms"][rows.held_out].tolist()}
    assert not held & set(kept.metrics["latency_p50_ms"][~kept.held_out].tolist())


def test_what_was_measured_apart_stays(make: Make) -> None:
    """Other figures or other levels (none is one) are other measurements, also where many rows share a figure."""
    campaign, again = make(), _changed(make(seed=1), knobs={"compiler": EXTRA}, compiler="gcc")
    shared = campaign.frame.groupby(["model", "device"])["latency_p50_ms"].transform("first")
    choices = campaign.frame["precision"].replace("int8", "none")
    alike = Campaign(campaign.card, campaign.frame.assign(latency_p50_ms=shared, precision=choices))
    for campaigns in ((campaign, again), (alike,)):
        rows = joined([rows_of(each) for each in campaigns])
        assert len(without_repeats(rows)[0]) == len(rows)


@pytest.mark.parametrize("column", ["runtime_version", "compiler"])
def test_a_challenger_does_not_learn_what_it_is_asked(noise: Campaign, save: Save, tmp_path: Path, column: str) -> None:
    """No row of the champion's exam is learned from, also not from a copy of the table with one column more."""
    retrain([str(save("one", noise))], tmp_path / "a")
    asked = set(load_with_exam(tmp_path / "a")[1].metrics["latency_p50_ms"])
    assert len(asked) > 10
    copy = _changed(noise, knobs={column: EXTRA}, **{column: "x"})
    rows = rows_of(copy)
    mine = set(rows.metrics["latency_p50_ms"][~rows.held_out].tolist())
    card = retrain([str(save("copy", copy))], tmp_path / "a")["card"]
    assert card["rows"] == len(mine - asked)
    assert any("repeat" in note for note in card["notes"]) == bool(mine & asked)
    assert bool(mine & asked) == (column == "compiler")


def test_a_renamed_device_is_no_second_one(make: Make, save: Save, tmp_path: Path) -> None:
    """The error without a target stays that of noise when a target's rows come again under another name."""
    frames = []
    for seed, board in enumerate(("a", "b", "c")):
        frame = make(("pi4",)).frame.assign(device=board)
        frames.append(frame.assign(latency_p50_ms=np.exp(np.random.default_rng(seed).normal(size=len(frame)))))
    card = make().card
    sources = [str(save("three", Campaign(card, pd.concat(frames, ignore_index=True))))]
    alone = retrain(sources, tmp_path / "x")["card"]["metrics"]["latency_p50_ms"]
    sources.append(str(save("again", _changed(Campaign(card, frames[0]), device="a-again"))))
    found = retrain(sources, tmp_path / "y")["card"]["metrics"]["latency_p50_ms"]
    assert found["without_target"] == alone["without_target"]

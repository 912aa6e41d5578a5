"""Rows of campaigns as a surrogate learns from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.campaign.campaign import Campaign
from autoedge.errors import SurrogateError
from autoedge.surrogate.saved.rows import MODEL, TARGET, joined, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), parts=st.integers(1, 4), again=st.integers(0, 50))
def test_order_and_division_do_not_matter(make: Callable[..., Any], seed: int, parts: int, again: int) -> None:
    """The same rows in any order, in any number of campaigns, some of them twice, come to the same."""
    campaign = make()
    whole = joined([rows_of(campaign)])
    frame = campaign.frame.sample(frac=1, random_state=seed)
    frame = pd.concat([frame, frame.head(again)], ignore_index=True)
    pieces = [Campaign(campaign.card, frame.iloc[start::parts].reset_index(drop=True)) for start in range(parts)]
    other = joined([rows_of(piece) for piece in pieces])
    assert other.digest == whole.digest
    assert other.identities.tolist() == whole.identities.tolist()
    for name, column in whole.inputs.items():
        assert other.inputs[name].tolist() == column.tolist()


def test_a_candidate_is_always_on_the_same_side(make: Callable[..., Any]) -> None:
    """Which rows are held out depends on the configuration, not on what was measured or what else is there."""
    one, other = rows_of(make(seed=0)), rows_of(make(("pi4", "pi5", "jetson"), models=9, seed=5))
    sides = dict(zip(other.identities, other.held_out, strict=True))
    assert [sides[identity] for identity in one.identities] == one.held_out.tolist()
    assert 0.07 < one.held_out.mean() < 0.18


def test_estimates_teach_nothing(make: Callable[..., Any]) -> None:
    """What is estimated counts as not measured; a metric beside the objectives counts where it was measured."""
    campaign = make()
    frame = campaign.frame.copy()
    frame["energy_mj"] = 1.0
    frame["energy_mj_source"] = ["estimated" if row % 2 else "measured" for row in range(len(frame))]
    frame["latency_p50_ms_source"] = "measured"
    rows = rows_of(Campaign(campaign.card, frame))
    assert np.isfinite(rows.metrics["energy_mj"]).tolist() == [row % 2 == 0 for row in range(len(frame))]
    assert np.isfinite(rows.metrics["latency_p50_ms"]).all()
    frame["latency_p50_ms_source"] = frame["energy_mj_source"] = "estimated"
    with pytest.raises(SurrogateError, match="no metric was measured"):
        rows_of(Campaign(campaign.card, frame))


def test_a_model_is_known_by_name_and_features(make: Callable[..., Any]) -> None:
    """Two models of one name are two models where their features differ."""
    campaign = make()
    frame = campaign.frame.assign(log_macs=campaign.frame["log_macs"] + 1.0)
    one, other = rows_of(campaign), rows_of(Campaign(campaign.card, frame))
    assert not set(one.inputs[MODEL]) & set(other.inputs[MODEL])


def test_a_model_with_many_features_is_one_too(make: Callable[..., Any], teach: Callable[..., Any]) -> None:
    """However much is known of a model, the rows fit the files, and models differ as before."""
    campaign = make(models=3)
    many: dict[str, Any] = {f"a_feature_with_a_long_name_{place}": {} for place in range(60)}
    card = campaign.card.model_validate(campaign.card.model_dump() | {"features": many})
    frame = campaign.frame.assign(**{name: campaign.frame["log_macs"] + place for place, name in enumerate(many)})
    wide = Campaign(card, frame)
    assert len(set(rows_of(wide).inputs[MODEL])) == 3
    assert len(teach(wide).exam.identity) == teach(campaign).card.held_out_rows


def test_a_target_is_named_only_where_nothing_else_tells(make: Callable[..., Any]) -> None:
    """Features of the device take the place of its name, and one processor's ``local`` is not another's."""
    campaign = make()
    assert set(rows_of(campaign).inputs[TARGET]) == {"pi4", "pi5"}
    card = campaign.card.model_validate(campaign.card.model_dump() | {"features": {"device_log_cores": {}}})
    frame = campaign.frame.assign(device_log_cores=2.0, device_cpu="Some CPU")
    rows = rows_of(Campaign(card, frame))
    assert TARGET not in rows.inputs
    assert set(rows.targets) == {"pi4 (Some CPU)", "pi5 (Some CPU)"}


def test_numbers_in_one_campaign_and_words_in_another(make: Callable[..., Any]) -> None:
    """A column of both kinds is taken as words, and the same number is the same word."""
    campaign = make()
    knobs = campaign.card.model_dump()["knobs"] | {"batch": {"type": "categorical"}}
    card = campaign.card.model_validate(campaign.card.model_dump() | {"knobs": knobs, "name": "words"})
    frame = campaign.frame.assign(batch=[str(batch) for batch in campaign.frame["batch"]])
    rows = joined([rows_of(campaign), rows_of(Campaign(card, frame))])
    assert set(rows.inputs["batch"]) == {"1", "2", "4", "8"}
    assert "batch" not in rows.logarithmic
    assert "threads" in rows.logarithmic

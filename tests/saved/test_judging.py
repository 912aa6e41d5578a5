"""Champion and challenger on rows that neither saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.campaign.campaign import Campaign
from autoedge.surrogate.saved.judging import all_of, judge
from autoedge.surrogate.saved.surrogate import Surrogate

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.surrogate.saved.card import Comparison
    from autoedge.surrogate.saved.training import Trained


def _judged(champion: Trained, challenger: Trained) -> Comparison:
    one, other = (Surrogate(trained.card, trained.text) for trained in (champion, challenger))
    return judge(one, other, champion.exam, challenger.exam)


def test_an_equal_is_promoted(taught: Trained) -> None:
    """The same surrogate is not worse than itself, and the figures say so."""
    found = _judged(taught, taught)
    assert found.promoted
    assert found.ratio == found.at_most == 1.0


def test_more_rows_are_promoted_and_fewer_are_not(
    taught: Trained, make: Callable[..., Any], teach: Callable[..., Trained]
) -> None:
    """Learning from a tenth of the rows is worse beyond chance, and the other way round is not."""
    campaign = make()
    part = Campaign(campaign.card, campaign.frame.sample(frac=0.15, random_state=0).reset_index(drop=True))
    few = teach(part)
    worse = _judged(taught, few)
    assert not worse.promoted
    assert "worse beyond chance on latency_p50_ms" in worse.reason
    better = _judged(few, teach(campaign))
    assert better.promoted
    assert better.ratio is not None
    assert better.ratio < 1


def test_wrong_figures_do_not_vouch_for_themselves(
    taught: Trained, shuffled: Campaign, teach: Callable[..., Trained]
) -> None:
    """Figures given to the wrong rows are not believed on their own held-out part, however large it is."""
    many = Campaign(shuffled.card, shuffled.frame)
    found = _judged(taught, teach(many))
    assert not found.promoted
    assert found.ratio is not None
    assert found.ratio > 2


def test_other_rows_of_the_same_law_are_promoted_or_close(
    taught: Trained, make: Callable[..., Any], teach: Callable[..., Trained]
) -> None:
    """The same board measured anew is as good to learn from: never worse beyond chance."""
    for seed in range(3, 6):
        found = _judged(taught, teach(make(seed=seed)))
        assert not any(metric.worse for metric in found.metrics)


def test_what_the_champion_knows_may_not_be_forgotten(
    make: Callable[..., Any], teach: Callable[..., Trained], taught: Trained
) -> None:
    """A challenger without one of the champion's metrics is not promoted, one with more is."""
    campaign = make()
    frame = campaign.frame.assign(energy_mj=campaign.frame["latency_p50_ms"] * 3)
    objectives = campaign.card.model_dump()["objectives"] | {"energy_mj": {"direction": "minimize"}}
    card = campaign.card.model_validate(campaign.card.model_dump() | {"objectives": objectives})
    both = teach(Campaign(card, frame))
    lost = _judged(both, taught)
    assert not lost.promoted
    assert "does not know energy_mj" in lost.reason
    assert _judged(taught, both).promoted


def test_too_few_rows_to_judge(make: Callable[..., Any], teach: Callable[..., Trained]) -> None:
    """Where hardly a row is held out nothing can be shown, and the champion is kept."""
    campaign = make(("pi4",), models=1)
    small = teach(campaign)
    assert len(small.exam.identity) < 10
    found = _judged(small, small)
    assert not found.promoted
    assert "10 are needed to judge" in found.reason


def test_another_rule_for_holding_out(taught: Trained) -> None:
    """A champion that held out other rows may have seen these, so it cannot be judged on them."""
    card = taught.card.model_copy(update={"held_out_rule": "every second row"})
    champion = Surrogate(card, taught.text)
    found = judge(champion, Surrogate(taught.card, taught.text), taught.exam, taught.exam)
    assert not found.promoted
    assert "choose another --out" in found.reason


def test_the_exam_grows_and_keeps_what_was_recorded_first(
    make: Callable[..., Any], teach: Callable[..., Trained]
) -> None:
    """After a promotion both parts are asked; a row that both hold keeps its first figure."""
    one, other = teach(make(("pi4",), seed=0)), teach(make(("pi4", "jetson"), seed=1))
    both = all_of(one.exam, other.exam)
    assert set(both.identity) == {*one.exam.identity, *other.exam.identity}
    figures = dict(zip(both.identity, both.metrics["latency_p50_ms"], strict=True))
    for identity, figure in zip(one.exam.identity, one.exam.metrics["latency_p50_ms"], strict=True):
        assert figures[identity] == pytest.approx(figure)
    assert np.all(np.diff([int(identity, 16) for identity in both.identity]) > 0)

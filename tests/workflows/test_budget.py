"""What a run may still measure: everything counts, and the confirm rounds keep their share."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import IntentError
from autoedge.intent.resolved import Budget
from autoedge.store.store import Store
from autoedge.workflows.budget import FIRST_LOOK, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Clock:
    """A clock that stands still until it is told."""

    now = 1000.0

    def monotonic(self) -> float:
        """Seconds since some time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the ledger."""
    clock = Clock()
    monkeypatch.setattr("autoedge.workflows.budget.time", clock)
    return clock


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store for the wall time."""
    opened = Store(tmp_path_factory.mktemp("budget") / "study.db")
    yield opened
    opened.close()


@pytest.fixture
def ledger(store: Store, clock: Clock) -> Callable[..., Ledger]:
    """A ledger of a fresh run."""
    del clock  # in force before the ledger looks at it
    store.set_fact("elapsed", 0)

    def made(measurements: int = 60, time_s: float | None = None, reserve: float = 0.3, used: int = 0) -> Ledger:
        return Ledger(Budget(measurements, time_s, reserve), used, store)

    return made


@pytest.mark.parametrize(
    ("measurements", "reserve", "kept"),
    [(60, 0.3, 18), (100, 0.3, 30), (100, 0.55, 55), (100, 0.07, 12), (20, 0.3, 12), (61, 0.3, 19), (1000, 0.29, 290)],
)
def test_the_reserve_is_the_share_and_enough_for_two(
    ledger: Callable[..., Ledger], measurements: int, reserve: float, kept: int
) -> None:
    """The share set, rounded up, but at least six processes for one finalist and six for the reference."""
    assert ledger(measurements, reserve=reserve).reserve == kept


@given(st.integers(12, 300), st.integers(0, 99))
def test_rounding_keeps_no_process_too_many(store: Store, measurements: int, percent: int) -> None:
    """A whole number of percent gives the exact share, whatever floats make of it."""
    exact = math.ceil(Fraction(percent, 100) * measurements)
    assert Ledger(Budget(measurements, None, percent / 100), 0, store).reserve == max(exact, 2 * FIRST_LOOK)


def test_the_search_leaves_the_reserve_untouched(ledger: Callable[..., Ledger]) -> None:
    """With 60 measurements and a reserve of 18 the search ends at 42, the confirm rounds at 60."""
    run = ledger()
    assert run.may_search(42)
    assert not run.may_search(43)
    run.book(40)
    assert (run.may_search(2), run.may_search(3)) == (True, False)
    assert (run.may_confirm(20), run.may_confirm(21)) == (True, False)
    run.book(20)
    assert not run.may_search(1)
    assert not run.may_confirm(1)


def test_what_earlier_starts_used_counts(ledger: Callable[..., Ledger]) -> None:
    """A continued run goes on where its count stood."""
    assert not ledger(used=42).may_search(1)
    assert ledger(used=42).may_confirm(18)


def test_time_ends_the_search_before_the_confirm_rounds(ledger: Callable[..., Ledger], clock: Clock) -> None:
    """Of 100 s the search may use 70, and the confirm rounds all."""
    run = ledger(time_s=100.0)
    clock.now += 69.9
    assert run.may_search(1)
    clock.now += 0.2
    assert not run.may_search(1)
    assert run.may_confirm(1)
    clock.now += 29.9
    assert not run.may_confirm(1)


def test_slow_confirm_rounds_get_their_time(store: Store, clock: Clock) -> None:
    """Where one finalist and the reference need more than the share, the search ends earlier, but never before half."""
    store.set_fact("elapsed", 0)
    pace = [0.0]
    run = Ledger(Budget(60, 100.0, 0.3), 0, store, confirm_s=lambda: pace[0])
    assert run.reserve_s == pytest.approx(30)
    pace[0] = 3.5
    assert run.reserve_s == pytest.approx(42)
    pace[0] = 8.0
    assert run.reserve_s == pytest.approx(50)
    clock.now += 49
    assert run.may_search(1)
    clock.now += 2
    assert not run.may_search(1)


def test_room_is_what_fits_by_count_and_by_time(store: Store, clock: Clock) -> None:
    """As many processes as the time left holds at their pace, and no more than are left."""
    store.set_fact("elapsed", 0)
    run = Ledger(Budget(60, 100.0), 50, store, confirm_s=lambda: 12.0)
    assert run.room == 8
    clock.now += 60
    assert run.room == 3
    clock.now += 60
    assert run.room == 0
    assert Ledger(Budget(60, None), 50, store, confirm_s=lambda: 12.0).room == 10


def test_without_a_time_budget_time_does_not_count(ledger: Callable[..., Ledger], clock: Clock) -> None:
    """A year later the measurements alone decide."""
    run = ledger()
    clock.now += 3e7
    assert run.may_search(1)
    assert run.may_confirm(1)


def test_time_is_kept_over_starts(ledger: Callable[..., Ledger], clock: Clock, store: Store) -> None:
    """What was noted with each measurement is where the next start goes on; time between starts does not count."""
    run = ledger(time_s=100.0)
    clock.now += 40
    run.book(1)
    clock.now += 5  # killed here: what was not noted is lost
    again = Ledger(Budget(60, 100.0), 1, store)
    assert again.seconds == pytest.approx(40)
    clock.now += 25
    assert again.seconds == pytest.approx(65)
    again.book(1)
    assert Ledger(Budget(60, 100.0), 2, store).seconds == pytest.approx(65)
    assert again.used == 2


def test_other_conditions_have_a_clock_of_their_own(ledger: Callable[..., Ledger], clock: Clock, store: Store) -> None:
    """What was spent under another protocol or device leaves this one's time untouched."""
    run = ledger()
    clock.now += 40
    run.book(1)
    assert Ledger(Budget(60, 100.0), 0, store, "elapsed elsewhere").seconds == 0
    assert Ledger(Budget(60, 100.0), 0, store).seconds == pytest.approx(40)


def test_a_budget_smaller_than_the_baselines_is_refused(ledger: Callable[..., Ledger]) -> None:
    """The message says how many the baselines take, what there is, and what would do."""
    with pytest.raises(IntentError) as caught:
        ledger(5).require(8)
    assert str(caught.value) == (
        "budget.measurements: the baselines alone take 8 measurements, but the budget is 5; give at least 20, "
        "which leaves room to confirm"
    )
    assert "so that nothing can be decided; give at least 20" in ledger(8).require(8)
    assert "of 19, so that nothing" in ledger(19).require(8)
    assert ledger(20).require(8) == ""

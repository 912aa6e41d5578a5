"""What was stored comes back as it was, once."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.candidate import Candidate, Configuration
from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.store.schema import IDENTITY
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Make = Callable[..., Measurement]

FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
SCALAR = st.text(max_size=12) | st.integers(-(2**53), 2**53) | FINITE | st.booleans()


@st.composite
def values(draw: st.DrawFn) -> Value:
    """Any figure with any interval around it."""
    low, value, high = sorted(draw(st.tuples(FINITE, FINITE, FINITE)))
    n = draw(st.integers(0, 2**31))
    return Value(value, low, high, draw(st.sampled_from(Source)), draw(st.text(max_size=30)), n)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Measurement, Candidate]:
    """Any measurement with its candidate."""
    knobs = st.dictionaries(st.text(min_size=1, max_size=8), SCALAR, max_size=4)
    configuration = Configuration(draw(st.text(max_size=12)), draw(knobs), "onnxruntime", draw(knobs))
    candidate = Candidate(configuration, draw(st.text(max_size=12)))
    texts = ["fingerprint", "runtime_version", "variant_hash", "variant_key", "data_hash", "protocol_id", "session"]
    texts += ["reason", "raw"]
    measurement = Measurement(
        candidate_id=candidate.candidate_id,
        config_id=configuration.config_id,
        target=candidate.target,
        **{name: draw(st.text(max_size=20)) for name in texts},
        phase=draw(st.sampled_from(Phase)),
        replicate=draw(st.integers(0, 2**31)),
        status=draw(st.sampled_from(Status)),
        flags=tuple(draw(st.lists(st.text(max_size=12), max_size=3))),
        metrics=draw(st.dictionaries(st.text(min_size=1, max_size=12), values(), max_size=5)),
        started=draw(FINITE),
        duration_s=draw(FINITE),
        details=draw(st.dictionaries(st.text(max_size=12), JSON, max_size=4)),
    )
    return measurement, candidate


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all examples of a property."""
    store = Store(tmp_path_factory.mktemp("store") / "study.db")
    yield store
    store.close()


@settings(max_examples=30)
@given(pair=pairs())
def test_any_measurement_comes_back_as_it_was(shared: Store, pair: tuple[Measurement, Candidate]) -> None:
    """Values, flags, details, texts and enumerations survive; so does the candidate; a second time is refused.

    Where an earlier one of the same identity was stopped, it is replaced.
    """
    measurement, candidate = pair
    rows = shared.measurements()
    twins = [m for m in rows if all(getattr(m, name) == getattr(measurement, name) for name in IDENTITY)]
    replaced = [m for m in twins if m.status is Status.STOPPED and m.started != measurement.started]
    known = [m for m in rows if m not in replaced]
    twin = len(twins) > len(replaced)
    assert shared.add(measurement, candidate) is not twin
    assert shared.add(measurement, candidate) is False
    found = shared.measurements()
    assert len(found) == len(known) + (not twin)
    assert twin or found[-1] == measurement
    assert shared.candidates()[candidate.candidate_id] == candidate


@settings(max_examples=30)
@given(value=JSON, other=JSON)
def test_any_fact_comes_back_and_is_replaced(shared: Store, value: Any, other: Any) -> None:
    """A fact is any JSON value; the last one counts; none is None."""
    assert shared.fact("never set") is None
    for each in (value, other):
        shared.set_fact("fact", each)
        assert shared.fact("fact") == each


def test_everything_is_there_after_opening_again(store: Store, path: Path, make: Make, candidate: Candidate) -> None:
    """A closed and reopened store holds the same rows in the same order, facts and files of scores included."""
    rows = [make(replicate=n) for n in (3, 1, 2)]
    assert all(store.add(row, candidate) for row in rows)
    store.set_fact("device", {"cores": 2})
    store.set_scores_file("key", "raw/one.npz")
    store.set_scores_file("key", "raw/two.npz")
    store.close()
    again = Store(path)
    assert again.measurements() == rows
    assert again.candidates() == {candidate.candidate_id: candidate}
    assert again.fact("device") == {"cores": 2}
    assert (again.scores_file("key"), again.scores_file("other")) == ("raw/two.npz", None)
    again.close()


def test_a_measurement_is_stored_once(store: Store, make: Make, candidate: Candidate) -> None:
    """The same identity a second time changes nothing, whatever the other fields say."""
    assert store.add(make(), candidate)
    assert not store.add(make(status=Status.FAILED, reason="again", metrics={}, details={}), candidate)
    assert store.measurements() == [make()]


@pytest.mark.parametrize(
    "changed",
    [
        {"fingerprint": "0"},
        {"runtime_version": "2"},
        {"variant_hash": "c"},
        {"variant_key": "other"},
        {"data_hash": ""},
        {"protocol_id": "strict"},
        {"session": "s"},
        {"phase": Phase.CONFIRM},
        {"replicate": 1},
    ],
)
def test_another_condition_is_another_measurement(
    store: Store, make: Make, candidate: Candidate, changed: dict[str, Any]
) -> None:
    """Rows that differ in anything that says what was measured stand side by side."""
    assert store.add(make(), candidate)
    assert store.add(make(**changed), candidate)
    assert store.measurements() == [make(), make(**changed)]


def test_equal_texts_of_several_values_do_not_mix(store: Store, make: Make, candidate: Candidate) -> None:
    """Each measurement has its own figures; one without figures has none."""
    one = {"size_mib": Value.exact(1.0, "bytes")}
    two = {"size_mib": Value.exact(2.0, "bytes"), "accuracy": Value.exact(0.5, "share")}
    for replicate, metrics in enumerate((one, {}, two)):
        store.add(make(replicate=replicate, metrics=metrics), candidate)
    assert [row.metrics for row in store.measurements()] == [one, {}, two]


def test_threads_at_once_count_nothing_twice(path: Path, make: Make, candidate: Candidate) -> None:
    """Four threads that store the same twenty rows store each exactly once, and every row has its figures."""
    store, barrier = Store(path), threading.Barrier(4)
    added: list[bool] = []

    def work() -> None:
        barrier.wait()
        added.extend(store.add(make(replicate=n), candidate) for n in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (added.count(True), added.count(False)) == (20, 60)
    assert sorted(row.replicate for row in store.measurements()) == list(range(20))
    assert all(row.metrics == make().metrics for row in store.measurements())
    store.close()


def test_a_candidate_known_meanwhile_loses_no_measurement(path: Path, make: Make, candidate: Candidate) -> None:
    """Two writers that both meet a candidate for the first time each keep their measurement of it."""
    one, other = Store(path), Store(path)

    @sa.event.listens_for(one._engine, "before_cursor_execute")
    def meanwhile(*event: Any) -> None:
        if event[2].startswith("INSERT INTO autoedge_candidate") and not other.candidates():
            assert other.add(make(replicate=1), candidate)

    assert one.add(make(replicate=0), candidate)
    assert sorted(row.replicate for row in one.measurements()) == [0, 1]
    one.close()
    other.close()


def test_a_row_is_never_seen_without_its_figures(path: Path, make: Make, candidate: Candidate) -> None:
    """A measurement stored while another reads is seen whole or not at all."""
    writer, reader = Store(path), Store(path)
    replicates = itertools.count()

    @sa.event.listens_for(reader._engine, "before_cursor_execute")
    def meanwhile(*_: Any) -> None:
        assert writer.add(make(replicate=next(replicates)), candidate)

    rows = reader.measurements()
    assert all(row.metrics == make().metrics for row in rows)
    writer.close()
    reader.close()


def test_text_that_no_encoding_holds_is_stored_readably(store: Store, make: Make, candidate: Candidate) -> None:
    """A device may answer with half a character: the reason is kept with a mark in its place."""
    assert store.add(make(status=Status.FAILED, reason="bad \ud800 text"), candidate)
    assert store.measurements()[0].reason == "bad ? text"


def test_sessions_begin_and_finish(store: Store) -> None:
    """All sessions are told, the newest first, each unfinished until it is finished."""
    assert store.sessions() == []
    first = store.begin_session()
    assert store.sessions() == [(first, False)]
    store.finish_session(first)
    second = store.begin_session()
    assert second != first
    assert store.sessions() == [(second, False), (first, True)]


def test_a_clock_set_back_hides_no_session(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest session is the one begun last, also when the machine's clock went backwards in between."""
    first = store.begin_session()
    monkeypatch.setattr("autoedge.store.store.time", SimpleNamespace(time=lambda: 1000.0))
    second, third = store.begin_session(), store.begin_session()
    assert [session for session, _ in store.sessions()] == [third, second, first]


@pytest.mark.parametrize("folder", ["plain", "a b", "50%", "what?", "a#b", "%20", "gr\u00fc\u00df", "a&b=c;d"])
def test_any_folder_name_will_do(tmp_path: Path, make: Make, candidate: Candidate, folder: str) -> None:
    """A path is a path, not a URL: what means something in a URL means nothing there."""
    path = tmp_path / folder / "study.db"
    path.parent.mkdir()
    store = Store(path)
    store.add(make(), candidate)
    store.close()
    assert path.stat().st_size > 0
    assert [entry.name for entry in tmp_path.iterdir()] == [folder]
    by_url = Store(store.url)
    assert by_url.measurements() == [make()]
    by_url.close()


def test_what_was_stopped_gives_way(tmp_path: Path) -> None:
    """A measurement that was stopped is replaced by a later one of the same identity, and by nothing else."""
    store, candidate = Store(tmp_path / "study.db"), Candidate(Configuration("m", {}, "onnxruntime", {}), "local")
    full = _plain(candidate, started=2.0)
    stopped = replace(full, status=Status.STOPPED, reason="surely", started=1.0)
    assert store.add(stopped, candidate)
    assert not store.add(stopped, candidate)
    assert store.add(full, candidate)
    assert store.measurements() == [full]
    assert not store.add(replace(stopped, started=3.0), candidate)
    assert store.measurements() == [full]
    store.close()


def _plain(candidate: Candidate, started: float) -> Measurement:
    return Measurement(
        candidate_id=candidate.candidate_id,
        config_id=candidate.configuration.config_id,
        target="local",
        fingerprint="f",
        runtime_version="1",
        variant_hash="v",
        data_hash="d",
        protocol_id="p",
        session="",
        phase=Phase.SEARCH,
        replicate=0,
        status=Status.OK,
        metrics={"size_mib": Value.exact(1.0, "bytes")},
        started=started,
    )

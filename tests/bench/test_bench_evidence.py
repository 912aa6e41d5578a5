"""What several processes of one candidate come to, alone and against the reference."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.combine import between_spread, combine, ratio, single
from autoedge.bench.evidence import Evidence, Spread
from autoedge.bench.quality import QualityBook
from autoedge.intent.constraint import read_constraint
from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from autoedge.bench.task import Task

P50, MEMORY, ENERGY, ACCURACY = "latency_p50_ms", "memory_model_mib", "energy_mj", "accuracy"
NO_SPREAD = Spread({})
HALF = read_constraint("latency_p50 <= 50 % of baseline")


def _measured(value: float, half: float = 0.1, source: Source = Source.MEASURED) -> Value:
    return Value(value, value - half, value + half, source, "median", 64)


def _row(metrics: Mapping[str, Value], replicate: int = 0, **changes: Any) -> Measurement:
    names = ("config_id", "target", "fingerprint", "runtime_version", "variant_hash", "data_hash", "protocol_id")
    fields: dict[str, Any] = {
        "candidate_id": "c",
        **dict.fromkeys(names, ""),
        "session": "s",
        "phase": Phase.CONFIRM,
        "status": Status.OK,
        "metrics": metrics,
        "replicate": replicate,
    }
    return Measurement(**{**fields, **changes})


def _rows(key: str, values: Sequence[float], source: Source = Source.MEASURED) -> list[Measurement]:
    return [_row({key: _measured(value, source=source)}, i) for i, value in enumerate(values)]


def _evidence(key: str, values: Sequence[float], source: Source = Source.MEASURED) -> Evidence:
    return Evidence("c", _rows(key, values, source), NO_SPREAD)


def _reference(key: str, values: Sequence[float], source: Source = Source.MEASURED) -> Evidence:
    return Evidence("r", _rows(key, values, source), NO_SPREAD)


@pytest.fixture
def book(tmp_path: Path, make_task: Callable[..., Task]) -> Iterator[QualityBook]:
    """A book without outputs."""
    store = Store(tmp_path / "study.db")
    yield QualityBook(store, tmp_path, make_task())
    store.close()


# -- occasions ----------------------------------------------------------------------------------------------------


def test_drift_between_occasions_is_not_averaged_out() -> None:
    """A candidate whose level moved between two occasions has wider intervals, however many processes agree."""
    later = [10.5, 10.51, 10.49, 10.5, 10.52, 10.48]
    spread = Spread.of([_rows(P50, [10.0, 10.01, 9.99]), _rows(P50, later)])
    deviation, freedom = spread.drift[P50]
    assert freedom == 1
    assert deviation == pytest.approx(np.log(1.05) / np.sqrt(2), rel=0.02)
    plain = Evidence("c", _rows(P50, later), NO_SPREAD).value(P50)
    wide = Evidence("c", _rows(P50, later), spread).value(P50)
    assert plain is not None
    assert wide is not None
    assert wide.low < 10.0 < plain.low
    assert plain.value == wide.value


def test_intervals_hold_across_occasions() -> None:
    """With three candidates seen on two occasions each, the interval covers the long-run level in 90 % and more.

    Processes of an occasion share a drift of 4 %, ten times what lies between them; without it a twelfth is covered.
    """
    generator = np.random.default_rng(0)
    covered, without = [], []
    for _ in range(400):
        groups = []
        for level in (1.0, 3.0, 10.0):
            for count in (3, 6):
                drift = generator.normal(0, 0.04)
                groups.append((level * np.exp(drift + generator.normal(0, 0.004, count))).tolist())
        rows = [_rows(P50, group) for group in groups]
        named = [[replace(row, candidate_id=f"c{i // 2}") for row in group] for i, group in enumerate(rows)]
        for spread, found in ((Spread.of(named), covered), (NO_SPREAD, without)):
            value = Evidence("c2", named[-1], spread).value(P50)
            assert value is not None
            found.append(value.low <= 10.0 <= value.high)
    assert np.mean(covered) >= 0.9
    assert np.mean(without) < 0.25


# -- one process ---------------------------------------------------------------------------------------------------


def test_one_process_is_widened_by_the_spread_between_processes() -> None:
    """The stored interval grows by what repeated candidates showed to lie between processes."""
    spread = Spread(Spread.of([_rows(P50, [10.0, 10.5, 9.8]), _rows(P50, [3.0, 3.2])]).by_metric)
    deviation, freedom = between_spread([[10.0, 10.5, 9.8], [3.0, 3.2]])
    assert spread.by_metric == {P50: (deviation, freedom)}
    value = Evidence("c", _rows(P50, [5.0]), spread).value(P50)
    assert value is not None
    assert (value.low, value.high) == single(5.0, 4.9, 5.1, deviation, freedom)
    assert value.low < 4.9
    assert value.high > 5.1
    assert (value.value, value.n, value.source) == (5.0, 1, Source.MEASURED)
    assert value.estimator == "median, one process"


def test_more_confidence_is_no_narrower() -> None:
    """At a higher level the widened interval of one process and that of several grow."""
    spread = Spread.of([_rows(P50, [10.0, 10.5, 9.8])])
    for values in ([5.0], [5.0, 5.1, 4.8]):
        evidence = Evidence("c", _rows(P50, values), spread)
        usual, strict = evidence.value(P50), evidence.value(P50, 0.999)
        assert usual is not None
        assert strict is not None
        assert strict.low < usual.low < usual.high < strict.high


def test_without_repeats_one_process_keeps_its_own_interval() -> None:
    """No candidate ran twice, or none that has the metric: nothing is known of the spread."""
    for groups in ([], [_rows(P50, [5.0])], [_rows(MEMORY, [5.0, 6.0])]):
        value = Evidence("c", _rows(P50, [5.0]), Spread.of(groups)).value(P50)
        assert value is not None
        assert (value.low, value.high) == (4.9, 5.1)


def test_the_spread_leaves_out_what_data_decide() -> None:
    """Accuracy and size do not vary between processes, so no spread of them is told."""
    rows = [_row({P50: _measured(v), ACCURACY: _measured(0.9, 0.01), "size_mib": _measured(1.0)}) for v in (5.0, 5.5)]
    assert set(Spread.of([rows]).by_metric) == {P50}


# -- several processes ---------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0.01, 1e4), min_size=2, max_size=10), st.floats(0.5, 0.999))
def test_several_processes_are_combined(values: list[float], level: float) -> None:
    """Value and interval are the geometric mean of the processes with Student's t; n is their number."""
    value = _evidence(P50, values).value(P50, level)
    middle, low, high = combine(values, level=level)
    assert value is not None
    assert (value.value, value.n, value.source) == (middle, len(values), Source.MEASURED)
    assert (value.low, value.high) == (min(low, middle), max(high, middle))
    assert "geometric mean of processes" in value.estimator


def test_figures_at_zero_can_be_combined() -> None:
    """Memory above an empty runtime may be zero in every process."""
    value = _evidence(MEMORY, [0.0, 0.0, 0.0]).value(MEMORY)
    assert value is not None
    assert (value.low, value.value, value.high) == (0, 0, 0)


def test_quality_is_not_combined() -> None:
    """More processes add no data: accuracy keeps the value and interval of the evaluation set, at any level."""
    first = Value(0.9, 0.85, 0.93, Source.MEASURED, "share, Wilson", 90)
    rows = [_row({ACCURACY: first}, i) for i in range(6)]
    assert Evidence("c", rows, NO_SPREAD).value(ACCURACY) == first
    assert Evidence("c", rows, NO_SPREAD).value(ACCURACY, 0.999) == first
    size = Value.exact(1.5, "bytes of the model file")
    assert Evidence("c", [_row({"size_mib": size})] * 3, NO_SPREAD).value("size_mib") == size


def test_what_one_process_lacks_is_absent() -> None:
    """A figure that not every process has is none; so is one that nobody has."""
    rows = [_row({P50: _measured(5.0)}, 0), _row({P50: _measured(5.1), MEMORY: _measured(1.0)}, 1)]
    evidence = Evidence("c", rows, NO_SPREAD)
    assert evidence.value(MEMORY) is None
    assert evidence.value(ENERGY) is None
    assert set(evidence.result().metrics) == {P50}


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=10))
def test_estimates_stay_estimates_with_their_band(values: list[float]) -> None:
    """Any number of processes leaves the band of a generic model as wide as it is."""
    rows = [
        _row({ENERGY: Value(v, v * 0.5, v * 1.5, Source.ESTIMATED, "software estimate", 1)}, i)
        for i, v in enumerate(values)
    ]
    value = Evidence("c", rows, Spread({ENERGY: (0.5, 5)})).value(ENERGY, 0.99)
    assert value is not None
    assert value.source is Source.ESTIMATED
    assert value.n == len(values)
    assert (value.value, value.low, value.high) == pytest.approx(
        (np.mean(values), 0.5 * np.mean(values), 1.5 * np.mean(values))
    )


def test_a_result_holds_all_figures_and_flags() -> None:
    """The summary names candidate, phase and processes, each flag once, each figure at 95 %."""
    rows = [
        _row({P50: _measured(5.0), ENERGY: _measured(8.0, 4.0, Source.ESTIMATED)}, 0, flags=("coarse_timer",)),
        _row(
            {P50: _measured(6.0), ENERGY: _measured(8.0, 4.0, Source.ESTIMATED)}, 1, flags=("shifted", "coarse_timer")
        ),
    ]
    evidence = Evidence("c", rows, NO_SPREAD)
    result = evidence.result()
    assert (result.candidate_id, result.phase, result.n_processes) == ("c", Phase.CONFIRM, 2)
    assert result.flags == ("coarse_timer", "shifted")
    assert result.metrics == {P50: evidence.value(P50), ENERGY: evidence.value(ENERGY)}
    assert (evidence.processes, evidence.phase, evidence.scores_file) == (2, Phase.CONFIRM, None)


# -- ratios --------------------------------------------------------------------------------------------------------


def test_a_ratio_of_several_processes_is_welchs(book: QualityBook) -> None:
    """With two or more processes on each side the processes decide; the figure is derived from measurements."""
    mine, theirs = [4.0, 4.2, 4.1], [10.0, 10.4]
    value = _evidence(P50, mine).against(_reference(P50, theirs), HALF, book, 0.99)
    assert value is not None
    assert (value.value, value.low, value.high) == ratio(mine, theirs, 0.99)
    assert value.source is Source.DERIVED


def test_a_ratio_with_a_single_process_adds_the_widths(book: QualityBook) -> None:
    """With one process on a side, half the relative widths of both intervals add as squares."""
    value = _evidence(P50, [4.0]).against(_reference(P50, [10.0]), HALF, book, 0.95)
    half = math.hypot(math.log(4.1 / 3.9) / 2, math.log(10.1 / 9.9) / 2)
    assert value is not None
    assert (value.value, value.low, value.high) == pytest.approx((0.4, 0.4 * math.exp(-half), 0.4 * math.exp(half)))
    assert value.source is Source.DERIVED


@pytest.mark.parametrize(("mine", "theirs"), [([4.0], [10.0]), ([4.0, 4.1], [10.0, 10.1]), ([4.0, 4.1], [10.0])])
def test_what_is_derived_from_an_estimate_is_an_estimate(
    book: QualityBook, mine: list[float], theirs: list[float]
) -> None:
    """One estimate on either side makes the ratio an estimate, however many processes stand behind it."""
    constraint = read_constraint("energy <= 50 % of baseline")
    for sources in (
        (Source.ESTIMATED, Source.ESTIMATED),
        (Source.MEASURED, Source.ESTIMATED),
        (Source.ESTIMATED, Source.MEASURED),
    ):
        one, other = _evidence(ENERGY, mine, sources[0]), _reference(ENERGY, theirs, sources[1])
        value = one.against(other, constraint, book, 0.95)
        assert value is not None
        assert value.source is Source.ESTIMATED
        assert value.low < value.value < value.high


def test_a_ratio_to_nothing_is_absent(book: QualityBook) -> None:
    """Without the figure on either side, or with zero in it, there is no ratio."""
    none = Evidence("c", [_row({})], NO_SPREAD)
    some, zero = _evidence(P50, [4.0]), _evidence(P50, [0.0])
    for one, other in ((none, some), (some, none), (some, zero), (zero, some), (none, none)):
        reference = Evidence("r" if other is not one else "c", other.measurements, NO_SPREAD)
        assert one.against(reference, HALF, book, 0.95) is None


def test_a_ratio_of_quality_is_of_the_evaluation_set(book: QualityBook) -> None:
    """Six processes with one accuracy are one figure, so the ratio rests on both intervals, not on no spread at all."""
    rows = [_row({ACCURACY: Value(0.9, 0.85, 0.93, Source.MEASURED, "share, Wilson", 90)}, i) for i in range(6)]
    evidence, reference = (Evidence(name, rows, NO_SPREAD) for name in "cr")
    value = evidence.against(reference, read_constraint("accuracy >= 99 % of baseline"), book, 0.95)
    assert value is not None
    assert value.low < value.value == 1 < value.high


def test_the_reference_against_itself_is_exact(book: QualityBook, perfect: np.ndarray[Any, Any]) -> None:
    """What two occasions of the reference measured, and the band of an estimate, do not leave it undecided."""
    for source in (Source.MEASURED, Source.ESTIMATED):
        now, before = (_evidence(ENERGY, [level], source) for level in (4.0, 4.4))
        value = now.against(before, read_constraint("energy <= 120 % of baseline"), book, 0.95)
        assert value is not None
        assert (value.low, value.value, value.high) == (1, 1, 1)
    mine = _judged(book, perfect, "1" * 32)
    drop = mine.against(mine, DROP, book, 0.95)
    assert drop is not None
    assert (drop.low, drop.value, drop.high) == (0, 0, 0)


# -- drops ---------------------------------------------------------------------------------------------------------

DROP = read_constraint("accuracy drop <= 1 %")


def _judged(book: QualityBook, scores: np.ndarray[Any, Any], job: str) -> Evidence:
    """A candidate with these outputs."""
    file = book.keep(job, scores, whole=True, job=job)
    return Evidence(job, [_row(book.metrics(file, None), details={"scores": file})], NO_SPREAD)


@pytest.fixture
def perfect(make_task: Callable[..., Task]) -> np.ndarray[Any, Any]:
    """Outputs that are right for every sample."""
    labels = make_task().labels
    assert labels is not None
    scores: np.ndarray[Any, Any] = np.eye(3, dtype=np.float32)[labels]
    return scores


def test_an_accuracy_drop_is_compared_sample_by_sample(book: QualityBook, perfect: np.ndarray[Any, Any]) -> None:
    """With both outputs at hand the drop is paired: the same accuracy on other samples is no difference, but wide."""
    one, other = perfect.copy(), perfect.copy()
    one[:2], other[-2:] = one[:2, [1, 2, 0]], other[-2:, [1, 2, 0]]
    mine, theirs = _judged(book, one, "1" * 32), _judged(book, other, "2" * 32)
    value = mine.against(theirs, DROP, book, 0.95)
    assert value is not None
    assert value.value == 0 < value.high
    assert value == book.accuracy_drop("raw/scores-" + "1" * 32 + ".npz", "raw/scores-" + "2" * 32 + ".npz", 0.95)


def test_without_the_outputs_a_drop_is_the_difference_of_intervals(
    book: QualityBook, tmp_path: Path, perfect: np.ndarray[Any, Any], make_task: Callable[..., Task]
) -> None:
    """Outputs that are gone leave the accuracies: the drop between them, as wide as both intervals."""
    worse = perfect.copy()
    worse[:9] = worse[:9, [1, 2, 0]]
    reference, candidate = _judged(book, perfect, "1" * 32), _judged(book, worse, "2" * 32)
    paired = candidate.against(reference, DROP, book, 0.95)
    for file in (tmp_path / "raw").glob("scores-*"):
        file.unlink()
    store = Store(tmp_path / "study.db")
    value = candidate.against(reference, DROP, QualityBook(store, tmp_path, make_task()), 0.95)
    store.close()
    one, other = reference.value(ACCURACY), candidate.value(ACCURACY)
    assert paired is not None
    assert value is not None
    assert one is not None
    assert other is not None
    assert value.value == pytest.approx(paired.value) == pytest.approx(0.1)
    assert (value.low, value.high) == (one.low - other.high, one.high - other.low)
    assert value.high - value.low > paired.high - paired.low


def test_a_drop_of_f1_is_the_difference_of_intervals(book: QualityBook) -> None:
    """F1 is no share of samples, so its drop is as wide as both intervals; a gain is a negative drop."""
    one = Evidence("r", [_row({"f1_macro": _measured(0.9, 0.02)})], NO_SPREAD)
    other = Evidence("c", [_row({"f1_macro": _measured(0.95, 0.01)})], NO_SPREAD)
    value = other.against(one, read_constraint("f1_macro drop <= 1 %"), book, 0.95)
    assert value is not None
    assert (value.value, value.low, value.high) == pytest.approx((-0.05, -0.08, -0.02))
    assert value.source is Source.DERIVED


def test_a_drop_from_nothing_is_absent(book: QualityBook) -> None:
    """Without the metric on either side there is no drop."""
    found: list[tuple[str, dict[str, Value]]] = [("r", {}), ("c", {"f1_macro": _measured(0.9, 0.01)})]
    none, some = (Evidence(name, [_row(metrics)], NO_SPREAD) for name, metrics in found)
    constraint = read_constraint("f1_macro drop <= 1 %")
    assert none.against(some, constraint, book, 0.95) is None
    assert some.against(none, constraint, book, 0.95) is None

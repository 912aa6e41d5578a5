"""Outputs are kept once, shared where they agree, and measured again where they are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.bench.quality import PROBE_SAMPLES, QualityBook
from autoedge.bench.task import Task, file_hash, read_labels
from autoedge.candidate import Configuration
from autoedge.errors import DataError
from autoedge.measurement import Source
from autoedge.preprocessing.npz import Npz
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    MakeTask = Callable[..., Task]

SAMPLES, CLASSES = 90, 3
KEY = "k" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in the run's folder."""
    opened = Store(tmp_path / "study.db")
    yield opened
    opened.close()


@pytest.fixture
def book(store: Store, tmp_path: Path, make_task: MakeTask) -> Callable[..., QualityBook]:
    """A book over the run's folder, as after a start; its task with other fields where given."""
    return lambda **changes: QualityBook(store, tmp_path, make_task(**changes))


@pytest.fixture
def scores() -> np.ndarray[Any, Any]:
    """Scores of all samples."""
    return np.random.default_rng(3).standard_normal((SAMPLES, CLASSES)).astype(np.float32)


# -- what shares outputs -------------------------------------------------------------------------------------------


def _key(book: QualityBook, changes: Mapping[str, Any] | None = None, **others: str) -> str:
    knobs: dict[str, Any] = {"batch": 1, "threads": 1, "graph_level": "all", "arena": "on", **(changes or {})}
    parts = {"variant_hash": "a" * 64, "version": "1.2.3", "fingerprint": "f" * 16, **others}
    return book.key(Configuration("linear", {"precision": "fp32"}, "onnxruntime", knobs), **parts)


def test_neutral_knobs_share_their_outputs(book: Callable[..., QualityBook]) -> None:
    """Batch, threads, execution, spinning and arena do not decide outputs: equal keys."""
    same: list[dict[str, Any]] = [
        {},
        {"batch": 8},
        {"threads": 4, "execution": "parallel", "spinning": "off"},
        {"arena": "off"},
    ]
    assert len({_key(book(), changes) for changes in same}) == 1


def test_what_decides_outputs_is_part_of_the_key(book: Callable[..., QualityBook]) -> None:
    """Variant, runtime version, graph level, device, data, output and any unknown knob each give another key."""
    keys = [
        _key(book()),
        _key(book(), {"graph_level": "basic"}),
        _key(book(), {"unheard_of": 1}),
        _key(book(), variant_hash="b" * 64),
        _key(book(), version="1.2.4"),
        _key(book(), fingerprint="e" * 16),
        _key(book(data_hash="c" * 64)),
        _key(book(scores={"linear": "logits"})),
    ]
    assert len(set(keys)) == len(keys)


# -- keeping -------------------------------------------------------------------------------------------------------


def test_outputs_are_kept_for_later_starts(
    book: Callable[..., QualityBook], tmp_path: Path, scores: np.ndarray[Any, Any]
) -> None:
    """The first whole outputs under a key are kept in raw/, and their first samples are what a probe must give."""
    assert book().expected(KEY) is None
    file = book().keep(KEY, scores, whole=True, job="1" * 32)
    assert file == f"raw/scores-{'1' * 32}.npz"
    assert not list((tmp_path / "raw").glob("*.part"))
    expected = book().expected(KEY)
    assert expected is not None
    np.testing.assert_array_equal(expected, scores[:PROBE_SAMPLES])
    np.testing.assert_array_equal(book().scores(file), scores)


def test_a_probe_that_agreed_shares_the_file(book: Callable[..., QualityBook], scores: np.ndarray[Any, Any]) -> None:
    """A probe's few samples are not stored: the candidate has the outputs that were there."""
    file = book().keep(KEY, scores, whole=True, job="1" * 32)
    assert book().keep(KEY, scores[:PROBE_SAMPLES], whole=False, job="2" * 32) == file
    np.testing.assert_array_equal(book().scores(file), scores)


def test_a_probe_without_its_file_is_refused(book: Callable[..., QualityBook], scores: np.ndarray[Any, Any]) -> None:
    """Where nothing is stored a probe says nothing about the other samples."""
    with pytest.raises(DataError, match="no longer stored"):
        book().keep(KEY, scores[:PROBE_SAMPLES], whole=False, job="2" * 32)


def test_outputs_that_differ_have_a_file_of_their_own(
    book: Callable[..., QualityBook], scores: np.ndarray[Any, Any]
) -> None:
    """A candidate whose probe disagreed keeps its own outputs; those under the key stay."""
    first = book().keep(KEY, scores, whole=True, job="1" * 32)
    second = book().keep(KEY, -scores, whole=True, job="2" * 32)
    assert second == f"raw/scores-{'2' * 32}.npz"
    expected = book().expected(KEY)
    assert expected is not None
    np.testing.assert_array_equal(expected, scores[:PROBE_SAMPLES])
    np.testing.assert_array_equal(book().scores(first), scores)
    np.testing.assert_array_equal(book().scores(second), -scores)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _replace(path: Path) -> None:
    np.savez(path, other=np.zeros(3))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _garbage(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 no zip at all" * 20)


def _plain_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros((90, 3), np.float32))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _remove(path: Path) -> None:
    path.unlink()


DAMAGES = [_plain_array, _truncate, _flip, _replace, _empty, _garbage, _folder, _remove]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_outputs_are_measured_again(
    book: Callable[..., QualityBook], tmp_path: Path, scores: np.ndarray[Any, Any], damage: Callable[[Path], None]
) -> None:
    """Outputs that are gone or damaged are as good as never measured, and reading them is told as bad data."""
    file = book().keep(KEY, scores, whole=True, job="1" * 32)
    damage(tmp_path / file)
    assert book().expected(KEY) is None
    for attempt in (
        lambda: book().scores(file),
        lambda: book().metrics(file, None),
        lambda: book().accuracy_drop(file, file, 0.95),
    ):
        with pytest.raises(DataError, match="stored outputs cannot be read"):
            attempt()


@pytest.mark.parametrize("damage", DAMAGES)
def test_measuring_again_heals_the_book(
    book: Callable[..., QualityBook], tmp_path: Path, scores: np.ndarray[Any, Any], damage: Callable[[Path], None]
) -> None:
    """Whole outputs of a later measurement take the damaged ones' place, so that probes work again."""
    file = book().keep(KEY, scores, whole=True, job="1" * 32)
    damage(tmp_path / file)
    again = book()
    kept = again.keep(KEY, -scores, whole=True, job="2" * 32)
    np.testing.assert_array_equal(again.scores(kept), -scores)
    for book_ in (again, book()):
        expected = book_.expected(KEY)
        assert expected is not None
        np.testing.assert_array_equal(expected, -scores[:PROBE_SAMPLES])


def test_no_damage_looks_like_a_bug(
    book: Callable[..., QualityBook], tmp_path: Path, scores: np.ndarray[Any, Any]
) -> None:
    """Outputs with any few bytes changed are told as damaged or come back as they were; nothing else ever happens."""
    file = book().keep(KEY, scores, whole=True, job="1" * 32)
    intact = (tmp_path / file).read_bytes()
    generator = np.random.default_rng(0)
    found = set()
    for _ in range(120):
        broken = bytearray(intact)
        start = int(generator.integers(0, len(intact) - 3))
        broken[start : start + 3] = generator.bytes(3)
        (tmp_path / file).write_bytes(broken)
        expected = book().expected(KEY)
        found.add(expected is None)
        assert expected is None or np.array_equal(expected, scores[:PROBE_SAMPLES])
    assert found == {True, False}


def test_outputs_rewritten_meanwhile_are_read_anew(
    book: Callable[..., QualityBook], tmp_path: Path, scores: np.ndarray[Any, Any], make_task: MakeTask
) -> None:
    """A book that has read a file, lost it and kept other outputs in its place knows the new ones."""
    labels = make_task().labels
    assert labels is not None
    perfect = np.eye(CLASSES, dtype=np.float32)[labels]
    one = book()
    file = one.keep(KEY, scores, whole=True, job="1" * 32)
    assert one.metrics(file, None)["accuracy"].value < 1
    assert one.accuracy_drop(file, file, 0.95) is not None
    (tmp_path / file).unlink()
    kept = one.keep(KEY, perfect, whole=True, job="2" * 32)
    assert one.metrics(kept, None)["accuracy"].value == 1
    np.testing.assert_array_equal(one.scores(kept), perfect)


# -- what outputs come to ------------------------------------------------------------------------------------------


def test_labelled_outputs_have_accuracy_and_f1(
    book: Callable[..., QualityBook], scores: np.ndarray[Any, Any], make_task: MakeTask
) -> None:
    """Both are measured, hold their values, count the samples, and are the same each time."""
    file = book().keep(KEY, scores, whole=True, job="1" * 32)
    metrics = book().metrics(file, None)
    labels = make_task().labels
    assert sorted(metrics) == ["accuracy", "f1_macro"]
    assert metrics["accuracy"].value == pytest.approx((scores.argmax(axis=1) == labels).mean())
    assert metrics["accuracy"].low < metrics["accuracy"].value < metrics["accuracy"].high
    assert all((value.n, value.source) == (SAMPLES, Source.MEASURED) for value in metrics.values())
    assert book().metrics(file, None) == metrics
    strict = book().metrics(file, None, 0.999)
    for key, usual in metrics.items():
        assert strict[key].low < usual.low < usual.value == strict[key].value < usual.high < strict[key].high


def test_unlabelled_outputs_agree_with_the_reference(
    book: Callable[..., QualityBook], scores: np.ndarray[Any, Any]
) -> None:
    """Without labels the reference's outputs take their place; without a reference nothing can be said."""
    book_ = book(labels=None)
    reference = book_.keep(KEY, scores, whole=True, job="1" * 32)
    turned = scores.copy()
    turned[:9] = -turned[:9]
    other = book_.keep("o" * 32, turned, whole=True, job="2" * 32)
    changed = (turned.argmax(axis=1) != scores.argmax(axis=1)).mean()
    assert book_.metrics(reference, reference)["agreement"].value == 1
    assert book_.metrics(other, reference)["agreement"].value == pytest.approx(1 - changed)
    assert book_.metrics(other, None) == {}
    assert book_.accuracy_drop(other, reference, 0.95) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((SAMPLES - 1, CLASSES), np.float32), "89 scores and 90 labels"),
        (np.zeros((SAMPLES, 2), np.float32), "labels lie in 0 to 1"),
        (np.zeros((SAMPLES, 1), np.float32), "two classes at least"),
        (np.full((SAMPLES, CLASSES), np.nan, np.float32), "scores are finite"),
    ],
)
def test_outputs_that_do_not_fit_the_labels_are_refused(
    book: Callable[..., QualityBook], wrong: np.ndarray[Any, Any], said: str
) -> None:
    """Too few scores, too few columns and NaN are told with the rule and the value."""
    file = book().keep(KEY, wrong, whole=True, job="1" * 32)
    with pytest.raises(DataError, match=said):
        book().metrics(file, None)


def test_a_drop_is_paired(book: Callable[..., QualityBook], make_task: MakeTask) -> None:
    """The reference's accuracy less the candidate's, sample by sample: much narrower than two separate intervals."""
    labels = make_task().labels
    assert labels is not None
    perfect = np.eye(CLASSES, dtype=np.float32)[labels]
    worse = perfect.copy()
    worse[:6] = np.roll(perfect[:6], 1, axis=1)
    book_ = book()
    reference = book_.keep(KEY, perfect, whole=True, job="1" * 32)
    candidate = book_.keep("o" * 32, worse, whole=True, job="2" * 32)
    drop = book_.accuracy_drop(candidate, reference, 0.95)
    back = book_.accuracy_drop(reference, candidate, 0.95)
    assert drop is not None
    assert back is not None
    assert drop.value == pytest.approx(6 / SAMPLES)
    assert 0 < drop.low < drop.value < drop.high
    assert (back.value, back.low, back.high) == pytest.approx((-drop.value, -drop.high, -drop.low))
    wider = book_.accuracy_drop(candidate, reference, 0.99)
    assert wider is not None
    assert wider.low < drop.low < drop.high < wider.high
    same = book_.accuracy_drop(reference, reference, 0.95)
    assert same is not None
    assert (same.value, drop.n) == (0, SAMPLES)


# -- labels and files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((4, 2)), "y": np.zeros(4)}, "'y' must hold one class number a sample.*float64"),
        ({"x": np.zeros((4, 2)), "y": np.zeros((4, 3), int)}, r"'y' must hold one class number a sample.*\(4, 3\)"),
        ({"x": np.zeros((4, 2)), "y": np.array(list("abcd"))}, "'y' must hold one class number a sample"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(3, int)}, "one label a sample is needed, but 'y' has 3 for 4 samples"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, "holds no samples"),
        ({"x": np.zeros((4, 2)), "y": np.array([0, 1, -1, 2])}, "class numbers from 0.*but 'y' holds -1"),
    ],
)
def test_wrong_labels_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray[Any, Any]], said: str) -> None:
    """Labels are one class number a sample, from 0; anything else is told with the file and the value."""
    path = tmp_path / "eval.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]  # its stubs take the keywords for flags
    with pytest.raises(DataError, match=rf"eval\.npz: .*{said}"):
        read_labels(Npz(path))


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 1, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_labels_of_any_width_and_unit_axes_are_read(tmp_path: Path, shape: tuple[int, ...], dtype: str) -> None:
    """Integers of any width, as a vector or a column, come as one axis of int64; without 'y' there are none."""
    path = tmp_path / "eval.npz"
    np.savez(path, x=np.zeros((4, 2)), y=np.array([3, 0, 1, 2], dtype).reshape(shape))
    labels = read_labels(Npz(path))
    assert labels is not None
    assert labels.tolist() == [3, 0, 1, 2]
    assert labels.dtype == np.int64
    np.savez(path, x=np.zeros((4, 2)))
    assert read_labels(Npz(path)) is None


def test_a_file_hash_is_its_contents(tmp_path: Path) -> None:
    """SHA-256 of the bytes; a file that cannot be read is told."""
    path = tmp_path / "data"
    path.write_bytes(b"abc")
    assert file_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        file_hash(tmp_path)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        file_hash(tmp_path / "nothing")

"""Search space files: what is right is read as written, what is wrong is told with file and key."""

from __future__ import annotations

import json
import string
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.errors import SpaceError
from autoedge.space.declaration import SpaceFile, read_space_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.device import Device


def test_the_shipped_file_reads_as_documented(shipped: SpaceFile) -> None:
    """The knobs of ONNX Runtime in order, with what decides the model file marked as recipe."""
    names = [rule.name for rule in shipped.knobs]
    assert names == [
        "precision",
        "calibration",
        "granularity",
        "batch",
        "threads",
        "provider",
        "device_type",
        "provider_fp16",
        "graph_level",
        "execution",
        "spinning",
        "arena",
    ]
    assert [rule.name for rule in shipped.knobs if rule.recipe] == ["precision", "calibration", "granularity"]
    assert [rule.name for rule in shipped.knobs if rule.ordered] == ["batch", "threads"]
    assert (shipped.name, shipped.runtime, shipped.formats) == ("onnxruntime-cpu", "onnxruntime", (".onnx",))


@pytest.mark.parametrize(
    ("cores", "levels"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (3, (1, 2, 3)),
        (4, (1, 2, 4)),
        (6, (1, 2, 4, 6)),
        (8, (1, 2, 4, 8)),
        (96, (1, 2, 4, 8, 16, 32, 64, 96)),
    ],
)
def test_threads_follow_the_cores(
    shipped: SpaceFile, device: Callable[..., Device], cores: int, levels: tuple[int, ...]
) -> None:
    """Threads double from one to the device's cores, all of them always among them; the default is physical cores."""
    rule = next(rule for rule in shipped.knobs if rule.name == "threads")
    assert rule.levels_on(device(cores)) == levels
    assert rule.default_on(device(cores, 1)) == 1
    assert rule.default_on(device(cores, cores)) == cores


@given(first=st.integers(1, 50), cores=st.integers(1, 200))
def test_a_range_stays_within_its_ends(
    declare: Callable[..., SpaceFile], device: Callable[..., Device], first: int, cores: int
) -> None:
    """A range by doubling ascends, never leaves its ends, holds the last, and holds at least one level."""
    (rule,) = declare({"n": {"levels": {"from": first, "to": "cores"}, "default": 1, "ordered": True}}).knobs
    levels = rule.levels_on(device(cores))
    assert levels[-1] == cores
    assert list(levels) == sorted(set(levels))
    assert all(min(first, cores) <= int(level) <= cores for level in levels)
    assert all(later == 2 * level for level, later in pairwise(levels[:-1]))


KNOB = {"levels": [1, 2], "default": 1}
COUNT = {**KNOB, "ordered": True}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "version must be 1, but got 2"),
        ({"version": None}, "version must be 1"),
        ({"name": "No Name"}, "name must match"),
        ({"name": 7}, "name must match"),
        ({"runtime": None}, "runtime must match"),
        ({"runtime": "a:b"}, "runtime must match"),
        ({"formats": ".onnx"}, "formats must be a list of suffixes"),
        ({"formats": []}, "formats must be a list of suffixes"),
        ({"formats": ["onnx"]}, "formats must be a list of suffixes"),
        ({"formats": [1]}, "formats must be a list of suffixes"),
        ({"knobs": []}, "knobs must be a mapping"),
        ({"knobs": {}}, "knobs must be a mapping"),
        ({"knobs": None}, "knobs must be a mapping"),
        ({"models": []}, "the file has the unknown key 'models'; known are"),
        ({"knobs": {"k": None}}, "knobs.k must be a mapping"),
        ({"knobs": {"k": [1, 2]}}, "knobs.k must be a mapping"),
        ({"knobs": {"k": {"default": 1}}}, "knobs.k needs levels"),
        ({"knobs": {"k": {**KNOB, "level": [1]}}}, "knobs.k has the unknown key 'level'; known are"),
        ({"knobs": {"k": {**KNOB, "levels": []}}}, "knobs.k.levels must be a list of plain values"),
        ({"knobs": {"k": {**KNOB, "levels": [[1]]}}}, "knobs.k.levels must be a list of plain values"),
        ({"knobs": {"k": {**KNOB, "levels": [None]}}}, "knobs.k.levels must be a list of plain values"),
        ({"knobs": {"k": {**KNOB, "levels": ["a\nb"]}}}, "knobs.k.levels must be a list of plain values"),
        ({"knobs": {"k": {**KNOB, "levels": ["\ud800"]}}}, "knobs.k.levels must be a list of plain values"),
        ({"knobs": {"k": {**KNOB, "levels": ["x" * 81]}}}, "knobs.k.levels must be a list of plain values"),
        ({"knobs": {"k": {**KNOB, "levels": "low"}}}, "knobs.k.levels must be a list or {from, to}"),
        ({"knobs": {"k": {**KNOB, "levels": None}}}, "knobs.k.levels must be a list or {from, to}"),
        ({"knobs": {"k": {**KNOB, "levels": {"from": 1}}}}, "knobs.k.levels must be a list or {from, to}"),
        ({"knobs": {"k": {**KNOB, "levels": {"from": 1, "to": "gpus"}}}}, "knobs.k.levels must be a list or {from,"),
        ({"knobs": {"k": {**KNOB, "levels": {"from": True, "to": 2}}}}, "knobs.k.levels must be a list or {from, to}"),
        ({"knobs": {"k": {**KNOB, "levels": {"from": 0, "to": 4}}}}, "knobs.k.levels: a range begins at 1 or above"),
        ({"knobs": {"k": {**KNOB, "levels": {"from": 4, "to": 2}}}}, "knobs.k.levels: a range begins at 1 or above"),
        ({"knobs": {"k": {**KNOB, "levels": [1, 1]}}}, "knobs.k.levels names 1 twice"),
        ({"knobs": {"k": {**KNOB, "levels": [2, True, 1]}}}, "knobs.k.levels names True twice"),
        ({"knobs": {"k": {**KNOB, "levels": [1, float("inf")]}}}, "knobs.k.levels must be a list of plain values"),
        ({"knobs": {"k": {**KNOB, "levels": {"from": "cores", "to": 0}}}}, "knobs.k.levels: a range begins at 1"),
        ({"knobs": {"k": {**KNOB, "levels": ["none", "x"]}}}, "knobs.k.levels: 'none' stands for a knob that does not"),
        ({"knobs": {"k": {**COUNT, "levels": ["a", "b"]}}}, "knobs.k.ordered takes numbers"),
        ({"knobs": {"k": {**COUNT, "levels": [True, False]}}}, "knobs.k.ordered takes numbers"),
        ({"knobs": {"k": {**KNOB, "ordered": "yes"}}}, "knobs.k.ordered is true or false"),
        ({"knobs": {"k": {**KNOB, "part": "recipie"}}}, "knobs.k.part can only be recipe"),
        ({"knobs": {"k": {"levels": [1]}}}, "knobs.k needs a default"),
        ({"knobs": {"k": {**KNOB, "default": [1]}}}, "knobs.k.default must be a plain value"),
        ({"knobs": {"model": KNOB}}, "knobs.model: a knob's name"),
        ({"knobs": {"target": KNOB}}, "knobs.target: a knob's name"),
        ({"knobs": {"=1+1": KNOB}}, "knobs.=1+1: a knob's name"),
        ({"knobs": {"k": {**KNOB, "when": {"later": [1]}}, "later": KNOB}}, "knobs.k.when may only name knobs above"),
        ({"knobs": {"k": {**KNOB, "when": {"k": [1]}}}}, "knobs.k.when may only name knobs above it"),
        ({"knobs": {"a": KNOB, "k": {**KNOB, "when": ["a"]}}}, "knobs.k.when must be a mapping"),
        ({"knobs": {"a": KNOB, "k": {**KNOB, "when": {"a": 1}}}}, "knobs.k.when.a must be a list of levels or {min:"),
        ({"knobs": {"a": KNOB, "k": {**KNOB, "when": {"a": []}}}}, "knobs.k.when.a must be a list of levels or {min:"),
        ({"knobs": {"a": KNOB, "k": {**KNOB, "when": {"a": {"min": 2}}}}}, "knobs.k.when.a: min takes an ordered knob"),
        (
            {"knobs": {"a": COUNT, "k": {**KNOB, "when": {"a": {"min": "2"}}}}},
            "knobs.k.when.a must be a list of levels or {min: number}",
        ),
        (
            {"knobs": {"a": COUNT, "k": {**KNOB, "when": {"a": {"max": 2}}}}},
            "knobs.k.when.a must be a list of levels or {min: number}",
        ),
    ],
)
def test_a_wrong_file_is_told_with_file_and_key(
    declare: Callable[..., SpaceFile], changes: dict[str, Any], said: str
) -> None:
    """Each rule of the format has its message, which names the file and the key."""
    with pytest.raises(SpaceError) as caught:
        declare(**{"knobs": {"k": KNOB}, **changes})
    assert "own.yaml: " in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["version", "name", "runtime", "formats", "knobs"])
def test_a_missing_key_is_named(tmp_path: Path, missing: str) -> None:
    """A file without one of the five keys says which one is missing."""
    data = {"version": 1, "name": "own", "runtime": "ort", "formats": [".onnx"], "knobs": {"k": KNOB}}
    del data[missing]
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(SpaceError, match=rf"own\.yaml: {missing} is missing"):
        read_space_file(path)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n"
    for a, b in zip(string.ascii_lowercase, string.ascii_lowercase[1:], strict=False)
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just text",
        b"- a\n- list\n",
        b"version: 1\nversion: 1\n",
        b"knobs: {a: [}\n",
        b"version: 1\nname: !!python/object:os.system x\n",
        b"\xff\xfe\x00bad",
        b"[" * 400,
        b"? [1, 2]\n: 3\n4: 5\n",
        BOMB.encode(),
        b"version: 1\nname: own\nruntime: ort\nformats: [.onnx]\n" + BOMB.encode() + b"knobs: {k: {levels: *z}}\n",
        b"x: " + b"y" * 2**20,
    ],
)
def test_garbage_is_refused_with_one_message(tmp_path: Path, content: bytes) -> None:
    """Whatever a file holds, what comes is a SpaceError of a sane length that names it."""
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(SpaceError, match=r"own\.yaml: ") as caught:
        read_space_file(path)
    assert len(str(caught.value)) < 1000


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there, or a folder, cannot be read."""
    for path in (tmp_path / "own.yaml", tmp_path):
        with pytest.raises(SpaceError, match="cannot be read"):
            read_space_file(path)


PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.sampled_from(["cores", "none"])
ANY = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["levels", "default", "when", "k", "min", "from", "to"]), inner, max_size=3)
    ),
    max_leaves=8,
)
BODY = st.fixed_dictionaries(
    {},
    optional={
        "levels": ANY | st.just([1, 2]),
        "default": ANY | st.just(1),
        "part": ANY | st.just("recipe"),
        "ordered": ANY | st.booleans(),
        "when": ANY | st.just({"k": [1]}),
    },
)


@settings(max_examples=100)
@given(knobs=st.dictionaries(st.sampled_from(["k", "l", "model", "batch"]), BODY | ANY, max_size=3) | ANY)
def test_any_content_is_read_or_refused(
    declare: Callable[..., SpaceFile], device: Callable[..., Device], knobs: Any
) -> None:
    """A file of the right outer form and any knobs is either refused or has levels on every device."""
    try:
        file = declare(knobs)
    except SpaceError:
        return
    for rule in file.knobs:
        for cores in (1, 3):
            assert rule.levels_on(device(cores))

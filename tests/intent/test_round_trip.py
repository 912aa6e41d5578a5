"""Written intents read back equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoedge.intent.constraint import default_decide, metric_named, read_constraint
from autoedge.intent.load import dump_resolved, load_intent
from autoedge.intent.money import CURRENCY
from autoedge.intent.operation import Carbon, Fleet
from autoedge.intent.resolved import (
    ADDRESS,
    Budget,
    DataEntry,
    Intent,
    Limits,
    ModelEntry,
    Preference,
    ProtocolEntry,
    SearchEntry,
    TargetEntry,
    TaskOptions,
    target_name,
)
from autoedge.intent.task import metrics_of
from autoedge.measurement import Source
from autoedge.metric import METRICS, OF_FINALISTS, QUALITY, TASK_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.intent.constraint import Constraint

POSITIVE = st.floats(min_value=0, max_value=1e300, exclude_min=True, allow_subnormal=False)
ZERO_OR_MORE = st.just(0.0) | POSITIVE
MAYBE = st.none() | POSITIVE
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
TRICKY = st.sampled_from(
    ["null", "~", "true", "no", "1", "0x1f", "0o7", "1_0", "1e3", ".inf", "- a", "a: b", "# c", "'", '"', "{", "*a",
     "&a", "!t", "%", "@", "`", "a #b", " a ", "\n", "a\nb", "\t", "\\", "=", "<<", "2024-01-01",
     "\x85", "\u2028", "é", "\U0001f600", "|", ">"]
)  # fmt: skip
SCALARS = (
    TRICKY | WORDS | st.booleans() | st.integers(-(2**50), 2**50) | st.floats(allow_nan=False, allow_infinity=False)
)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
COMMON = METRICS.keys() - {*OF_FINALISTS, *QUALITY}


@st.composite
def constraints(draw: st.DrawFn, names: list[str]) -> tuple[Constraint, ...]:
    """Constraints on different metrics, in every form."""
    drawn = []
    for name in names:
        metric = METRICS[name]
        number = draw(st.floats(0.001, 1))
        unit = {"ips": "/ s", "": "%"}.get(metric.unit, metric.unit) if metric.dimension != "number" else ""
        text = draw(st.sampled_from([f"{name} <= {number!r} {unit}", f"{name} >= {number!r} of baseline"]))
        if metric.dimension == "fraction" and not name.startswith("map") and draw(st.booleans()):
            text = f"{name} drop <= {number!r}"
        decide = draw(st.sampled_from(["interval", default_decide(metric)]))
        drawn.append(read_constraint(text, draw(st.sampled_from([None, Source.MEASURED])), decide))
    return tuple(drawn)


@st.composite
def preferences(draw: st.DrawFn, names: list[str]) -> Preference:
    """A preference among some objectives."""
    named = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    kind = draw(st.sampled_from(["knee", "weights", "lexicographic"]))
    if kind == "weights":
        return Preference("weights", weights={name: draw(POSITIVE) for name in named})
    return Preference("lexicographic", order=tuple(named)) if kind == "lexicographic" else Preference("knee")


def searches() -> st.SearchStrategy[SearchEntry]:
    """Searches, with all kinds of scalars as knob values."""
    values = st.lists(SCALARS, min_size=1, max_size=4, unique_by=lambda value: (isinstance(value, bool), value))
    strategies = st.sampled_from(["surrogate", "tpe", "nsga2", "random", "exhaustive", "gp"])
    knobs = st.dictionaries(TRICKY | WORDS, values.map(tuple), max_size=3)
    spaces = st.lists(st.just("default") | NAMES, min_size=1, max_size=3, unique=True).map(tuple)
    seeds = st.integers(0, 2**32 - 1)
    starts = st.sampled_from(["default", "none", "/"])
    history = st.lists(st.sampled_from(["/", "/:pi4", "/:a,b c"]), max_size=3).map(tuple)
    return st.builds(SearchEntry, spaces, strategies, seeds, knobs, st.booleans(), starts, history)


def protocols() -> st.SearchStrategy[ProtocolEntry]:
    """Protocols with some overrides."""
    names = ("warmup_calls", "latency_calls", "processes", "idle_samples", "energy_windows")
    counts = {name: st.integers(1, 10**9) for name in names}
    timed = ("warmup_seconds", "latency_seconds", "cap_seconds", "idle_seconds", "energy_seconds", "rate_seconds")
    seconds = dict.fromkeys(timed, POSITIVE)
    overrides = st.fixed_dictionaries({}, optional={**counts, **seconds})
    return st.builds(ProtocolEntry, st.sampled_from(["quick", "standard", "strict", "paper-2507.23093"]), overrides)


@st.composite
def targets(draw: st.DrawFn) -> tuple[TargetEntry, ...]:
    """Targets by name and by address, each of another name."""
    addresses = st.from_regex(rf"\A{ADDRESS}\Z", alphabet=st.characters(codec="ascii"))
    texts = draw(st.lists(NAMES | addresses, min_size=1, max_size=4, unique_by=target_name))
    return tuple(
        TargetEntry(target_name(text), draw(MAYBE), text if text.startswith("ssh://") else None) for text in texts
    )


@st.composite
def tasks(draw: st.DrawFn) -> tuple[str, TaskOptions]:
    """Tasks of every kind with what may be said of them."""
    task, names = draw(st.sampled_from(sorted(TASK_METRICS))), TRICKY | WORDS
    if task == "classification":
        return task, TaskOptions(top_k=tuple(draw(st.lists(st.sampled_from([1, 3, 5, 10]), unique=True))))
    if task == "custom":
        metric = draw(st.sampled_from(["absent.module:function", "installed"]))
        return task, TaskOptions(metric=metric, direction=draw(st.sampled_from(["maximize", "minimize"])))
    if task != "detection":
        return task, TaskOptions()
    forms, units = st.sampled_from(["xyxy", "xywh", "cxcywh", "yxyx"]), st.sampled_from(["pixel", "relative"])
    numbers = st.sampled_from(["category_id", "index"])
    return task, TaskOptions(
        (), None, "maximize", draw(names), draw(st.none() | names), *map(draw, (forms, units, numbers))
    )


def carbons() -> st.SearchStrategy[Carbon | None]:
    """Carbon with and without what making a device emitted."""
    plain, whole = st.builds(Carbon, ZERO_OR_MORE), st.builds(Carbon, ZERO_OR_MORE, ZERO_OR_MORE, POSITIVE)
    return st.none() | plain | whole


def fleets() -> st.SearchStrategy[Fleet | None]:
    """Fleets with and without prices."""
    devices, cost = st.integers(1, 10**9), ZERO_OR_MORE
    priced = st.builds(Fleet, devices, cost, st.none() | cost, st.from_regex(rf"\A{CURRENCY}\Z"))
    return st.none() | st.builds(Fleet, devices) | priced


@st.composite
def intents(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of an intent; files are put in by the test."""
    task, options = draw(tasks())
    asked = st.sampled_from(sorted({*COMMON, *metrics_of(task, options)}))
    limited, wished = (draw(st.lists(asked, min_size=1, max_size=5, unique=True)) for _ in range(2))
    return {
        "name": draw(NAMES),
        "task": task,
        "task_options": options,
        "models": draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)),
        "targets": draw(targets()),
        "constraints": draw(constraints(limited)),
        "objectives": tuple(metric_named(name) for name in wished),
        "prefer": draw(preferences(wished)),
        "rate": draw(POSITIVE),
        "battery_wh": draw(POSITIVE),
        "carbon": draw(carbons()),
        "fleet": draw(fleets()),
        "budget": Budget(draw(st.integers(1, 10**6)), draw(MAYBE), draw(st.floats(0, 1, exclude_max=True))),
        "limits": Limits(draw(MAYBE), draw(MAYBE)),
        "search": draw(searches()),
        "protocol": draw(protocols()),
        "scores": draw(TRICKY | WORDS if task == "detection" else st.none() | TRICKY | WORDS),
        "lossy": draw(st.booleans()),
        "trust": task == "custom" or draw(st.booleans()),
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fields=intents(), which=st.integers(0, 3), calibrated=st.booleans())
def test_round_trip(folder: Path, fields: dict[str, Any], which: int, *, calibrated: bool) -> None:
    """Every valid intent is read back equal from what was written of it, and is written the same again."""
    names = fields.pop("models")
    boxes = folder / "data/boxes.json" if fields["task"] == "detection" else None
    data = DataEntry(folder / "data/eval.npz", folder / "data/calib.npz" if calibrated else None, boxes)
    models = tuple(ModelEntry(name, folder / "models/small.onnx") for name in names)
    intent = Intent(path=Path("elsewhere.yaml"), models=models, data=data, baseline=names[which % len(names)], **fields)
    written = folder / "resolved.yaml"
    written.write_text(dump_resolved(intent), encoding="utf-8")
    again = load_intent(written)
    assert again == intent
    assert [type(value) for values in again.search.knobs.values() for value in values] == [
        type(value) for values in intent.search.knobs.values() for value in values
    ]
    assert dump_resolved(again) == dump_resolved(intent)


def test_example_round_trip(load: Callable[[str], Intent], full: str, minimal: str, folder: Path) -> None:
    """The examples come back equal from another folder, since their paths have become absolute."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for text in (full, minimal):
        intent = load(text)
        path = elsewhere / "intent.resolved.yaml"
        path.write_text(dump_resolved(intent), encoding="utf-8")
        assert load_intent(path) == intent


def test_odd_paths(load: Callable[[str], Intent], minimal: str, folder: Path) -> None:
    """Files with odd names come back too."""
    intent = load(minimal)
    for name in (
        "a: b.onnx",
        "#c.onnx",
        "- d.onnx",
        "e\n f.onnx",
        " g.onnx ",
        "'\".onnx",
        "ü😀.onnx",
        "\x7f\x1b.onnx",
        "*.onnx",
    ):
        path = folder / "models" / name
        path.touch()
        odd = replace(intent, models=(ModelEntry("small", path),))
        written = folder / "resolved.yaml"
        written.write_text(dump_resolved(odd), encoding="utf-8")
        assert load_intent(written) == odd

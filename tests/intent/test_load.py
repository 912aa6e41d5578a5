"""Reading intents that can be meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autoedge.errors import IntentError
from autoedge.intent.load import load_intent
from autoedge.intent.resolved import Budget, DataEntry, Limits, ModelEntry, Preference, ProtocolEntry, SearchEntry
from autoedge.measurement import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.intent.resolved import Intent

    Load = Callable[[str], Intent]


def test_example(load: Load, full: str, folder: Path) -> None:
    """The format's example reads to canonical units and absolute paths."""
    intent = load(full)
    assert intent.path == folder / "intent.yaml"
    assert (intent.name, intent.task, intent.baseline) == ("doorbell", "classification", "small")
    assert intent.models == (
        ModelEntry("small", folder / "models/small.onnx"),
        ModelEntry("large", folder / "models/large.onnx"),
    )
    assert intent.data == DataEntry(folder / "data/eval.npz", folder / "data/calib.npz")
    assert [(target.name, target.idle_power) for target in intent.targets] == [("local", 0.4)]
    assert [metric.name for metric in intent.objectives] == ["energy", "latency_p95", "accuracy"]
    assert intent.prefer == Preference("weights", {"energy": 2.0, "latency_p95": 1.0})
    assert intent.rate == 2.0
    assert intent.battery_wh == pytest.approx(2.6 * 3.7 * 0.8)
    assert intent.budget == Budget(60, 600.0, 0.3)
    assert intent.search == SearchEntry(("default",), "surrogate", 0, {"batch": (1, 4), "threads": (2,)})
    assert [(c.metric.name, c.sense, c.limit, c.relative) for c in intent.constraints] == [
        ("accuracy", "min", 0.95, "absolute"),
        ("latency_p95", "max", 20.0, "absolute"),
        ("memory_peak", "max", 64.0, "absolute"),
        ("accuracy", "max", 0.01, "drop"),
        ("latency_p50", "max", 0.5, "ratio"),
        ("energy", "max", 5.0, "absolute"),
    ]
    assert [c.source for c in intent.constraints] == [None] * 5 + [Source.MEASURED]
    assert len({c.key for c in intent.constraints}) == 6


def test_defaults(load: Load, minimal: str) -> None:
    """Four keys make an intent; everything else has its documented default."""
    intent = load(minimal)
    assert intent.baseline == "small"
    assert [target.name for target in intent.targets] == ["local"]
    assert intent.constraints == ()
    assert [metric.name for metric in intent.objectives] == ["latency_p95", "memory_peak"]
    assert intent.prefer == Preference("knee")
    assert intent.budget == Budget(60, None, 0.3)
    assert intent.limits == Limits(None, None)
    assert intent.search == SearchEntry(("default",), "surrogate", 0, {})
    assert intent.protocol == ProtocolEntry("standard", {})
    assert (intent.rate, intent.battery_wh, intent.scores, intent.lossy, intent.trust) == (
        None,
        None,
        None,
        False,
        False,
    )


def test_accuracy_is_an_objective_when_it_can_be_measured(load: Load, minimal: str) -> None:
    """With evaluation data, accuracy joins the default objectives."""
    intent = load(minimal + "data: {evaluation: data/eval.npz}\n")
    assert [metric.name for metric in intent.objectives] == ["latency_p95", "memory_peak", "accuracy"]


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ("protocol: quick", "protocol", ProtocolEntry("quick")),
        (
            "protocol: {preset: quick, latency_seconds: 0.5, warmup_seconds: 200 ms, latency_calls: 70}",
            "protocol",
            ProtocolEntry("quick", {"warmup_seconds": 0.2, "latency_calls": 70, "latency_seconds": 0.5}),
        ),
        ("limits: {time: 60 s, memory: 1 GiB}", "limits", Limits(60.0, 1024.0)),
        ("budget: {measurements: 5, reserve: 30 %}", "budget", Budget(5, None, 0.3)),
        ("prefer: {lexicographic: [memory_peak]}", "prefer", Preference("lexicographic", order=("memory_peak",))),
        ("prefer: knee", "prefer", Preference("knee")),
        ("workload: {rate: 120 / min}", "rate", 2.0),
        ("workload: {rate: 2 Hz}", "rate", 2.0),
        ("workload: {rate: 2 /s}", "rate", 2.0),
        ("battery: {capacity: 10 Wh}", "battery_wh", 10.0),
        ("battery: {capacity: 10 Wh, usable: 80 %}", "battery_wh", 8.0),
        ("outputs: {scores: probabilities}", "scores", "probabilities"),
        ("lossy: allow", "lossy", True),
        ("trust: true", "trust", True),
        (
            "search: {knobs: {spin: [true, false], level: all}}",
            "search",
            SearchEntry(("default",), "surrogate", 0, {"spin": (True, False), "level": ("all",)}),
        ),
        ("budget:\ndata:\nconstraints:\nworkload:\n  # rate: 2 / s", "budget", Budget(60, None, 0.3)),
    ],
)  # fmt: skip
def test_sections(load: Load, minimal: str, line: str, field: str, expected: object) -> None:
    """Each section reads to its canonical value; one with nothing in it counts as left out."""
    assert getattr(load(minimal + line + "\n"), field) == expected


def test_space_file_is_found(load: Load, minimal: str, folder: Path) -> None:
    """A search space given as a path is relative to the intent, a name stays a name; both may be listed."""
    own = str(folder / "spaces/own.yaml")
    assert load(minimal + "search: {space: spaces/own.yaml}\n").search.space == (own,)
    assert load(minimal + "search: {space: tiny}\n").search.space == ("tiny",)
    several = load(minimal + "search: {space: [default, spaces/own.yaml, tiny]}\n")
    assert several.search.space == ("default", own, "tiny")


def test_what_a_search_starts_from_is_found(load: Load, minimal: str, folder: Path) -> None:
    """Folders are relative to the intent, words stay words, and targets stay behind their campaign's colon."""
    for name in ("mine", "camp", "with:colon"):
        (folder / name).mkdir(exist_ok=True)
    search = load(minimal + "search: {surrogate: mine, history: [camp, 'camp:pi4,pi5', 'with:colon']}\n").search
    assert search.surrogate == str(folder / "mine")
    assert search.history == (str(folder / "camp"), f"{folder / 'camp'}:pi4,pi5", str(folder / "with:colon"))
    assert load(minimal).search.surrogate == "default"
    assert load(minimal + "search: {surrogate: none}\n").search.surrogate == "none"


def test_a_surrogate_that_is_not_there_says_what_to_write(load: Load, minimal: str) -> None:
    """The message names the words that would do, and what makes such a folder."""
    with pytest.raises(IntentError, match="write default, none, or a folder that `autoedge retrain` made"):
        load(minimal + "search: {surrogate: nowhere}\n")


def test_names_come_from_files(load: Load, minimal: str, folder: Path) -> None:
    """A model without a name gets its file's, made to be one."""
    (folder / "models/_Große Türklingel (v2).onnx").touch()
    intent = load(minimal.replace("models/small.onnx", '"models/_Große Türklingel (v2).onnx"'))
    assert intent.models[0].name == "gro-e-t-rklingel-v2-"


def test_yaml_1_2(load: Load, minimal: str) -> None:
    """Words that older YAML takes for booleans are text, as are dates."""
    assert load(minimal.replace("name: least", "name: no")).name == "no"
    assert load(minimal.replace("name: least", "name: 2024-01-01")).name == "2024-01-01"


def test_byte_order_mark(load: Load, minimal: str) -> None:
    """A byte order mark and Windows line ends do not matter."""
    assert load("\ufeff" + minimal.replace("\n", "\r\n")).name == "least"


def test_linked_model_keeps_its_own_name(load: Load, minimal: str, folder: Path) -> None:
    """A link to a model is not replaced by the file behind it, whose folder may be another."""
    link = folder / "linked.onnx"
    link.unlink(missing_ok=True)
    link.symlink_to(folder / "models/small.onnx")
    assert load(minimal.replace("models/small.onnx", "models/../linked.onnx")).models[0].path == link


def test_relative_to_the_file(load: Load, minimal: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths start at the intent's folder, wherever the command is run."""
    load(minimal)
    monkeypatch.chdir(folder / "data")
    assert load_intent(Path("../intent.yaml")).models[0].path == folder / "models/small.onnx"


@pytest.mark.parametrize("name", ["missing.yaml", ".", "nul\0.yaml", "x" * 5000])
def test_no_file(folder: Path, name: str) -> None:
    """An intent that is missing, a folder or no path at all is one problem."""
    with pytest.raises(IntentError, match=r"intent cannot be read|regular file"):
        load_intent(folder / name)


def test_import_is_light() -> None:
    """Importing the loader brings in none of the packages that it reads with."""
    code = "import sys, autoedge.intent.load, autoedge.intent.starter; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pint", "pydantic", "ruamel.yaml", "rapidfuzz", "numpy"} & set(loaded)


def test_targets_by_name_and_address(load: Load, minimal: str) -> None:
    """A target is called by its name, or has one made from its address; the address stays as it was written."""
    targets = "[local, pi4, ssh://pi@raspberry.lan:2222, {name: 'ssh://[fe80::1]', idle_power: 2.7 W}]"
    intent = load(f"{minimal}targets: {targets}\n")
    assert [(target.name, target.address, target.idle_power) for target in intent.targets] == [
        ("local", None, None),
        ("pi4", None, None),
        ("pi-raspberry.lan-2222", "ssh://pi@raspberry.lan:2222", None),
        ("fe80-1-", "ssh://[fe80::1]", 2.7),
    ]

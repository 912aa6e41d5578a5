"""Intents that cannot be meant, and what the user is told."""

# ruff: noqa: E501 - a table reads best with one row a line

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Find = Callable[[str | bytes], list[str]]

# What is changed in the full example, and the one problem that it then has.
BAD = [
    # version, name, task
    ("version: 1", "version: 2", "1 version: this AutoEdge reads version 1 of the intent file, but got 2"),
    ("version: 1", "version: true", "1 version: this AutoEdge reads version 1 of the intent file, but got true"),
    ("version: 1\n", "", "1: version is required"),
    ("name: doorbell", "name:", "2 name: a value is required"),
    ("doorbell", "Door Bell", "2 name: takes a name that matches [a-z0-9][a-z0-9._-]{0,63}, but got Door Bell"),
    ("doorbell", "2024", "2 name: takes text, but got 2024; put it in quotes"),
    ("classification", "segmentation", "3 task.type: takes classification, regression, embedding, detection, custom, but"),
    ("classification", "clasification", "3 task.type: takes classification, regression, embedding, detection, custom, but"),
    ("{type: classification}", "classification", "3 task: takes a mapping, but got classification"),
    # models, data, targets, baseline
    ("models/small.onnx", "models/smal.onnx", "5 models[0]: takes a file, but models/smal.onnx does not exist"),
    ("models/small.onnx", "models", "5 models[0]: takes a file, but models is no file"),
    ("models/small.onnx", "a/" * 5000, "5 models[0]: takes text of at most 4096 characters, but got a/a/a/"),
    ("models/small.onnx", "5", "5 models[0]: takes a path, or a mapping with path and name, but got 5"),
    ("path: models/large.onnx", "pth: models/large.onnx", "6 models[1]: unknown key pth; did you mean path?"),
    ("models/large.onnx", "models/gone.onnx", "6 models[1].path: takes a file, but models/gone.onnx does not exist"),
    ("name: large", "name: small", "6 models[1]: each model has its own name, but small stands here again"),
    ("data/eval.npz", "data/evil.npz", "7 data.evaluation: takes a file, but data/evil.npz does not exist"),
    ("evaluation:", "evalation:", "7 data: unknown key evalation; did you mean evaluation?"),
    ("data/calib.npz}", "[1]}", "7 data.calibration: takes text, but got [1]"),
    ("name: local", "name: My Pi", "8 targets[0]: takes local, the name of a target in the targets file, or ssh://user@host:port, but got My Pi"),
    ("name: local", "name: pi@host", "8 targets[0]: takes local, the name of a target in the targets file, or ssh"),
    ("name: local", "name: ssh://-oProxyCommand=x", "8 targets[0]: takes local, the name of a target in the targets"),
    ("name: local", "name: ssh://-l@host", "8 targets[0]: takes local, the name of a target in the targets file, or"),
    ("name: local", "name: ssh://pi@host x", "8 targets[0]: takes local, the name of a target in the targets file, or"),
    ("name: local", "name: ssh://pi@host/x", "8 targets[0]: takes local, the name of a target in the targets file, or"),
    ("name: local", "name: local, wrap: [nice]", "8 targets[0]: unknown key wrap; known are idle_power"),
    ("name: local", "name: local, ssh: [-v]", "8 targets[0]: unknown key ssh"),
    ("0.4 W}]", "0.4 W}, ssh://a@b, ssh://a-b]", "8 targets[2]: each target stands once, but a-b stands here again"),
    ("0.4 W}]", "0.4 W}, local]", "8 targets[1]: each target stands once, but local stands here again"),
    ("0.4 W", "0.4 V", "8 targets[0].idle_power: takes a power, but got 0.4 V"),
    ("0.4 W", "-1 W", "8 targets[0].idle_power: takes zero or more, but got -1 W"),
    ("targets: [{name: local, idle_power: 0.4 W}]", "targets: []", "8 targets: takes at least one entry, but got []"),
    ("baseline: small", "baseline: smal", "9 baseline: takes the name of a model, but got smal; did you mean small?"),
    # constraints
    ("latency_p95 <= 20 ms", "latency_p95 <= 20 MiB", "12 constraints[1]: latency_p95 takes a time, but got 20 MiB"),
    ("20 ms", "20", "12 constraints[1]: latency_p95 takes a time with its unit, but got 20; write 20 ms"),
    ("20 ms", "20 msc", "12 constraints[1]: latency_p95 takes a time, but got 20 msc; msc is no unit, did you mean ms?"),
    ("20 ms", "0 ms", "12 constraints[1]: latency_p95 takes a positive limit, but got 0 ms"),
    ("20 ms", "1e999 ms", "12 constraints[1]: latency_p95 takes a finite number, but got 1e999 ms"),
    ("20 ms", "20 ms of baseline", "12 constraints[1]: latency_p95 takes a fraction or a percentage, but got 20 ms"),
    ("<= 20 ms", "< 20 ms", "12 constraints[1]: a limit is set with <= or >=, but got < in latency_p95 < 20 ms"),
    ("latency_p95 <=", "latency <=", "12 constraints[1]: unknown metric latency; did you mean latency_p"),
    ("latency_p95 <=", "latency_p95_ms <=", "12 constraints[1]: a metric is written without its unit, but got latency_p95_ms; write latency_p95"),
    ("latency_p95 <=", "latency_p95 drop <=", "12 constraints[1]: latency_p95 drop is for fractions such as accuracy"),
    ("latency_p95 <= 20 ms", "fast", "12 constraints[1]: a constraint is METRIC <= LIMIT or METRIC >= LIMIT, but got fast"),
    ("latency_p95 <= 20 ms", "12", "12 constraints[1]: takes an expression such as latency_p95 <= 20 ms, or a mapping"),
    ("latency_p95 <= 20 ms", "accuracy >= 90 %", "12 constraints[1]: each limit is set once, but accuracy >= 90 % stands beside accuracy >= 0.95"),
    ("latency_p95 <= 20 ms", "accuracy <= 90 %", "12 constraints[1]: no value can keep both limits, but accuracy <= 90 % stands beside accuracy >= 0.95"),
    (">= 0.95", ">= 95", "11 constraints[0]: accuracy lies between 0 and 1, but got 95; write 95 % or 0.95"),
    (">= 0.95", ">= 200 %", "11 constraints[0]: accuracy lies between 0 and 1 (0 % and 100 %), but got 2"),
    (">= 0.95", ">= 0,95", "11 constraints[0]: accuracy takes a number with a decimal point, but got 0,95"),
    ("drop <= 1 %", "drop >= 1 %", "14 constraints[3]: accuracy drop has an upper limit; write drop <= 1 %"),
    ("drop <= 1 %", "drop <= 1 ms", "14 constraints[3]: accuracy takes a fraction or a percentage, but got 1 ms"),
    ("accuracy drop <=", "accuracy fall <=", "14 constraints[3]: a constraint is METRIC <= LIMIT, or METRIC drop <= LIMIT"),
    ("50 % of", "-50 % of", "15 constraints[4]: latency_p50 takes a positive share of the baseline, but got -0.5"),
    ("max: 5 mJ", "mx: 5 mJ", "16 constraints[5]: unknown key mx; did you mean max?"),
    ("max: 5 mJ", "max: 5 mJ, min: 1 mJ", "16 constraints[5]: a constraint has max or min, but energy has both"),
    ("max: 5 mJ, ", "", "16 constraints[5]: a constraint has max or min, but energy has neither"),
    ("max: 5 mJ", "max: .nan", "16 constraints[5].max: takes a finite number, but got nan"),
    ("source: measured", "source: estimated", "16 constraints[5].source: takes measured, but got estimated"),
    ("source: measured", "decide: value", "16 constraints[5]: energy varies from run to run, so decide takes interval, but got value"),
    ("source: measured", "decide: intervall", "16 constraints[5].decide: takes value or interval, but got intervall; did you mean interval?"),
    # objectives, preference
    ("[energy, latency_p95, accuracy]", "[enrgy, latency_p95]", "17 objectives[0]: unknown metric enrgy; did you mean energy?"),
    ("latency_p95, accuracy]", "latency_p95, energy]", "17 objectives[2]: each objective stands once, but energy stands here again"),
    ("[energy, latency_p95, accuracy]", "energy", "17 objectives: takes a list, but got energy"),
    ("latency_p95: 1}", "memory_peak: 1}", "18 prefer.memory_peak: a preference names objectives (energy, latency_p95, accuracy), but got memory_peak"),
    ("latency_p95: 1}", "latency_p95: 0}", "18 prefer.latency_p95: takes a number above 0, but got 0"),
    ("{energy: 2, latency_p95: 1}", "knie", "18 prefer: takes knee, but got knie; did you mean knee?"),
    ("{energy: 2, latency_p95: 1}", "[energy]", "18 prefer: takes knee, a mapping of weights such as"),
    ("{energy: 2, latency_p95: 1}", "{lexicographic: [energy, energy]}", "18 prefer.lexicographic[1]: each objective stands once"),
    # workload, battery, budget
    ("rate: 2 / s", "rate: 2 s", "19 workload.rate: takes a rate, but got 2 s"),
    ("rate: 2 / s", "rate: 0 / s", "19 workload.rate: takes more than zero, but got 0 / s"),
    ("rate: 2 / s", "rate: 2", "19 workload.rate: takes a rate with its unit, but got 2; write 2 / s"),
    (", voltage: 3.7 V", "", "20 battery.capacity: a charge needs the voltage, but got 2600 mAh alone; add voltage: 3.7 V"),
    ("2600 mAh", "2600", "20 battery.capacity: takes a charge or an energy with its unit, but got 2600; write 2600 mAh"),
    ("2600 mAh", "2600 mA", "20 battery.capacity: takes a charge, but got 2600 mA; mA is no unit, did you mean mAh?"),
    ("2600 mAh, voltage: 3.7 V", "1e300 Ah, voltage: 1e300 V", "20 battery: holds a finite amount above 0 Wh, but got inf Wh"),
    ("usable: 0.8", "usable: 80", "20 battery.usable: takes a fraction above 0 and at most 1, but got 80"),
    ("measurements: 60", "measurements: 0", "21 budget.measurements: takes a number of at least 1, but got 0"),
    ("measurements: 60", "measurements: 1.5", "21 budget.measurements: takes a whole number, but got 1.5"),
    ("10 min", "10 mins", "21 budget.time: takes a time, but got 10 mins; mins is no unit, did you mean min?"),
    ("10 min", "-1 s", "21 budget.time: takes more than zero, but got -1 s"),
    ("10 min", "10 min, reserve: 100 %", "21 budget.reserve: takes a fraction from 0 to below 1, but got 100 %"),
    # search
    ("surrogate", "surogate", "22 search.strategy: takes surrogate, tpe, nsga2, random, exhaustive or gp, but got surogate; did you mean surrogate?"),
    ("seed: 0", "seed: -1", "22 search.seed: takes a number of at least 0, but got -1"),
    ("space: default", "space: spaces/none.yaml", "22 search.space: takes a file, but spaces/none.yaml does not exist"),
    ("space: default", "space: [default, default]", "22 search.space[1]: each search space stands once, but default stands here again"),
    ("space: default", "space: [default, spaces/none.yaml]", "22 search.space[1]: takes a file, but spaces/none.yaml does not exist"),
    ("space: default", "space: []", "22 search.space: takes at least one entry, but got []"),
    ("space: default", "space: 3", "22 search.space: takes default, the name or path of a search space, or a list of them, but got 3"),
    ("[1, 4]", "[]", "22 search.knobs.batch: takes at least one entry, but got []"),
    ("[1, 4]", "[1, 1]", "22 search.knobs.batch[1]: each value stands once, but 1 stands here again"),
    ("[1, 4]", "[1, [4]]", "22 search.knobs.batch[1]: takes text, a number, true or false, but got [4]"),
    ("[1, 4]", "{from: 1}", "22 search.knobs.batch: takes one value or a list of them, but got {"),
    # keys that stand alone
    ("search:", "serach:", "22: unknown key serach; did you mean search?"),
    ("name: doorbell", "name: doorbell\nname: other", "3 name: a key stands once, but this one stands on line 2 already"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), BAD, ids=[f"{new} ({line[:20]})" for _, new, line in BAD])
def test_bad_intent(problems: Find, full: str, old: str, new: str, expected: str) -> None:
    """One thing wrong is one problem: file, line, place, rule, value and the nearest known word."""
    assert old in full
    found = problems(full.replace(old, new, 1))
    assert len(found) == 1
    assert found[0].startswith(f"intent.yaml:{expected}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lossy: yes", "5 lossy: takes allow, but got yes"),
        ("trust: yes", "5 trust: takes true or false, but got yes"),
        ("outputs: {score: x}", "5 outputs: unknown key score; did you mean scores?"),
        ("limits: {memory: 512 ms}", "5 limits.memory: takes an amount of memory, but got 512 ms"),
        ("limits: {time: 60}", "5 limits.time: takes a time with its unit, but got 60; write 60 s"),
        ("search: {surrogate: gone}", "5 search.surrogate: takes a folder, but "),
        ("search: {surrogate: models/small.onnx}", "5 search.surrogate: takes a folder, but "),
        ("search: {history: [models, gone]}", "5 search.history[1]: takes a folder, but "),
        ("search: {history: ['gone:pi4']}", "5 search.history[0]: takes a folder, but "),
        ('search: {history: ["models/\\u202e:a"]}', "5 search.history[0]: takes a folder, but "),
        ("search: {history: camp}", "5 search.history: takes a list"),
        ("protocol: fast", "5 protocol: takes quick, standard, strict or paper-2507.23093, but got fast"),
        ("protocol: {latency_seconds: -1}", "5 protocol.latency_seconds: takes more than zero, but got -1"),
        ("protocol: {warmup_calls: 0}", "5 protocol.warmup_calls: takes a number of at least 1, but got 0"),
        ("protocol: {warmup: 3}", "5 protocol: unknown key warmup; did you mean warmup_"),
        (
            "constraints: [accuracy >= 90 %]",
            "5 constraints[0]: accuracy needs evaluation data; add data: {evaluation: ",
        ),
        ("objectives: [f1_macro]", "5 objectives[0]: f1_macro needs evaluation data; add data: {evaluation: FILE.npz}"),
        (
            "constraints: [battery_life >= 12 h]",
            "5 constraints[0]: battery_life needs battery and workload.rate; add battery: {capacity: 10 Wh} and workload",
        ),
        (
            "prefer: {accuracy: 1}",
            "5 prefer.accuracy: a preference names objectives (latency_p95, memory_peak), but got",
        ),
        ("models: [models/small.onnx]", "5 models: a key stands once, but this one stands on line 4 already"),
        ("constraints: [" + "size <= 1 MB, " * 101 + "]", "5 constraints: takes at most 100 entries, but got ["),
    ],
)
def test_bad_addition(problems: Find, minimal: str, line: str, expected: str) -> None:
    """The keys beside the example are checked as strictly."""
    found = problems(f"{minimal}{line}\n")
    assert len(found) == 1
    assert found[0].startswith(f"intent.yaml:{expected}")


def test_all_at_once(problems: Find, full: str) -> None:
    """Mistakes of every kind, several in one section, are told together and in the order of the file."""
    text = full
    for old, new in (
        ("doorbell", "Door Bell"),
        ("path: models/large.onnx", "pth: models/large.onnx"),
        ("data/eval.npz", "data/gone.npz"),
        ("memory_peak <= 64 MiB", "battery_life >= 12 s s"),
        ("20 ms", "20 MiB"),
        ("rate: 2 / s", "rte: 2 / s"),
        ("measurements: 60, time: 10 min", "measurements: 0, time: 5 apples"),
        ("search:", "serach:"),
    ):
        text = text.replace(old, new)
    found = problems(text)
    lines = [int(problem.split(":")[1].split()[0]) for problem in found]
    assert lines == [2, 6, 7, 12, 13, 19, 21, 21, 22]


def test_a_problem_hides_no_other(problems: Find, full: str) -> None:
    """What needs another section is still checked when the rest of the file is wrong, and not blamed for it."""
    text = full.replace("workload: {rate: 2 / s}\n", "").replace("20 ms", "20 MiB")
    text = text.replace("{metric: energy, max: 5 mJ, source: measured}", "battery_life >= 12 h").replace(
        "2600 mAh", "5"
    )
    found = problems(text)
    assert [problem.split(":")[1].split()[0] for problem in found] == ["12", "16", "19"]
    assert "add workload: {rate: 2 / s}" in found[1]
    assert "battery:" not in found[1]


def test_missing_everything(problems: Find) -> None:
    """An intent without its required keys names each of them."""
    found = problems("objectives: [size]\n")
    assert [problem.split(": ")[1] for problem in found] == [
        f"{key} is required" for key in ("version", "name", "task", "models")
    ]


def test_hostile_text_is_escaped_and_cut(problems: Find, minimal: str) -> None:
    """Control, bidirectional and endless text reaches no terminal."""
    found = problems(minimal + '"\\e[31m\\u202e": 1\nbaseline: "' + "x" * 5000 + '"\n')
    assert all(problem.isprintable() and len(problem) < 300 for problem in found)
    assert "unknown key \\x1b[31m\\u202e;" in "\n".join(found)


def test_many_problems_are_counted(problems: Find, minimal: str) -> None:
    """After fifty problems the rest is only counted."""
    found = problems(minimal + "".join(f"key{number}: 1\n" for number in range(80)))
    assert len(found) == 51
    assert found[-1] == "intent.yaml: and 30 more problems"

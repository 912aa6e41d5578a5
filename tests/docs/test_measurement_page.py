"""What docs/measurement.md and docs/resume.md say of presets, percentiles, looks, flags and files, against the code."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from autoedge.agent import conditions, job
from autoedge.agent.job import run_job
from autoedge.bench import intervals, power, quality, records, steady, summary
from autoedge.bench.looks import LOOKS, level_at
from autoedge.bench.percentile import CONFIDENCE, calls_needed
from autoedge.bench.presets import PRESETS
from autoedge.bench.tasks import classification
from autoedge.intent.schema import PROTOCOL_OVERRIDES
from autoedge.measurement import Source
from autoedge.metric import METRICS, PERCENTILES
from autoedge.report.front import front_table
from autoedge.workflows.baseline import REFERENCE_PROCESSES
from autoedge.workflows.budget import FIRST_LOOK
from autoedge.workflows.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Table = Callable[..., list[list[str]]]


@pytest.fixture(scope="module")
def text(docs: Path) -> str:
    """The page on one line."""
    return " ".join((docs / "measurement.md").read_text(encoding="utf-8").split())


def _code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_presets_agree(table: Table) -> None:
    """The table of presets has every parameter with its value in each preset."""
    rows = table("measurement.md", "parameter", *PRESETS)
    for column, preset in enumerate(PRESETS.values(), 1):
        assert {_code(row[0])[0]: float(row[column]) for row in rows} == preset


def test_what_may_be_changed_agrees(text: str) -> None:
    """The parameters that an intent may change are all named, and are parameters of the presets."""
    (sentence,) = re.findall(r"An intent may change ([^:]*):", text)
    assert set(_code(sentence)) == set(PROTOCOL_OVERRIDES)
    assert all(set(PROTOCOL_OVERRIDES) <= preset.keys() for preset in PRESETS.values())


def test_calls_needed_agree(table: Table) -> None:
    """The calls that each percentile takes are those of the code."""
    rows = {_code(row[0])[0]: int(row[1]) for row in table("measurement.md", "metric", "calls needed")}
    assert rows == {name: calls_needed(p) for name, p in PERCENTILES.items()}


def test_levels_agree(table: Table) -> None:
    """The level of each look is that of the code."""
    rows = table("measurement.md", "processes", "1 constraint", "5 constraints")
    assert tuple(int(row[0]) for row in rows) == LOOKS
    for look, *levels in rows:
        for told, constraints in zip(levels, (1, 5), strict=True):
            assert float(told.rstrip(" %")) == pytest.approx(100 * level_at(int(look), LOOKS, constraints))


def test_flags_agree(table: Table) -> None:
    """The table has every flag that a measurement can raise, and no other."""
    worst = {"steady": False, "window_ns": 1e9, "machine_busy_s": 9.0, "cpu_s": 0.0, "major_faults": 1, "timer_ns": 1e9}
    worst["placement"] = {"cpu": 1}
    raised = set(summary.process_flags(worst, np.full(100, 1000), {"provider": "cuda"}))
    source = inspect.getsource(power) + inspect.getsource(conditions.changes)
    drawn = set(
        re.findall(r'"(meter_\w+|idle_drift|net_unresolved|undervoltage|throttled|clock_unstable|governor)"', source)
    )
    kept = set(re.findall(r'"(quality_\w+)"', inspect.getsource(records)))
    expected = raised | drawn | kept | set(get_args(steady.Steadiness)) - {"flat"}
    assert {_code(row[0])[0] for row in table("measurement.md", "flag", "raised when")} == expected


def test_sources_agree(table: Table) -> None:
    """The table of sources is that of the code."""
    assert [_code(row[0])[0] for row in table("measurement.md", "source", "meaning")] == list(Source)


def test_phases_agree(table: Table) -> None:
    """The phases are those that a worker reports."""
    source = inspect.getsource(run_job)
    for call, function in (
        ("_further(job, ", job._further),
        ('_energy(call, feed, job["power"], report)', job._energy),
        ("_afterwards(job, session, evaluation, report)", job._afterwards),
    ):
        assert call in source
        source = source.replace(call, inspect.getsource(function))
    reported = re.findall(r'(?:report|_rested)\("([^"]+)"', source)
    assert [row[0] for row in table("measurement.md", "phase", "what happens")] == reported


def test_numbers_in_the_text(text: str) -> None:
    """Constants that sentences name are those of the code."""
    assert f"the first {quality.PROBE_SAMPLES} samples" in text
    assert f"within {quality.TOLERANCE:.0e}".replace("e-0", "e-") in text
    assert f"{classification._RESAMPLES} resamples" in text
    assert f"Above {intervals.MANY:,} calls" in text
    assert f"1 - {CONFIDENCE}" in text
    assert f"`max({REFERENCE_PROCESSES}, processes)`" in text
    assert f"after {LOOKS[0]}, {LOOKS[1]} and {LOOKS[2]} processes" in text
    assert summary._BUSY_NEIGHBOURS == 0.05
    assert summary._COARSE_TIMER == 0.01
    assert (steady.PRACTICAL, steady.SIGNIFICANCE) == (0.02, 0.01)


def test_columns_of_the_front_agree(table: Table) -> None:
    """The columns named for front.csv are those that are written."""
    figure = {"value": 1.0, "low": 1.0, "high": 1.0, "source": "measured"}
    row: dict[str, Any] = {
        "candidate_id": "a@local",
        "target": "local",
        "front": True,
        "feasible": True,
        "outcome": "met",
        "phase": "confirm",
        "n_processes": 6,
        "configuration": {"model": "m", "runtime": "r", "recipe": {}, "knobs": {}},
        "metrics": {metric.key: figure for metric in METRICS.values()},
    }
    columns = list(front_table([row], "a@local", "a@local"))
    told = [name for row in table("measurement.md", "column", "meaning") for name in _code(row[0])]
    fixed, pattern = [name for name in told if "KEY" not in name], [name for name in told if "KEY" in name]
    assert columns == fixed + [one.replace("KEY", m.key) for m in METRICS.values() for one in pattern]


def test_files_of_a_run_agree(table: Table, tmp_path: Path) -> None:
    """The table of the run folder has every file that a run keeps there."""
    told = {name.rstrip("/") for row in table("resume.md", "path", "what it is") for name in _code(row[0])}
    folder = RunFolder(tmp_path)
    files = {path.name for path in vars(folder).values()} - {tmp_path.name}
    assert files <= told
    assert folder.jobs("local").relative_to(tmp_path).as_posix() in told


def test_reserve_agrees(docs: Path) -> None:
    """The fewest measurements that are reserved are two sets of the first look."""
    assert f"At least {2 * FIRST_LOOK} measurements" in (docs / "resume.md").read_text(encoding="utf-8")

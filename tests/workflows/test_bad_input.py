"""The table of bad inputs: the right exit code, one clear message, no traceback, nothing measured lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoedge.measurement import Status
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autoedge.measurement import Measurement

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Intent = Callable[..., Path]

needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")


def said(process: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """The command ended with a code and a message that holds these parts; no traceback anywhere."""
    text = process.stderr
    assert process.returncode == code, text
    assert "Traceback" not in text + process.stdout
    lines = [line for line in text.splitlines() if line.startswith("autoedge: ")]
    assert lines, text
    for part in parts:
        assert part in " ".join(lines)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"constraints": "[latncy_p95 <= 20 ms]"}, ["intent.yaml:", "constraints[0]", "latency_p95"]),
        ({"constraints": "[latency_p95 <= 20 MiB]"}, ["constraints[0]: latency_p95 takes a time, but got 20 MiB"]),
        ({"models": "[large.onnx, gone.onnx]"}, ["intent.yaml:", "models[1]", "gone.onnx"]),
        ({"budget": "{measurements: 0}"}, ["intent.yaml:", "budget.measurements"]),
        ({"budget": "{measurements: 3}"}, ["baselines alone take 4 measurements", "give at least 16"]),
        ({"search": "{knobs: {batches: [1]}}"}, ["no knob 'batches'", "nearest is 'batch'"]),
        (
            {"constraints": "[latency_p95_at_rate <= 1 s]", "workload": "{rate: 2 / s}"},
            ["intent.yaml: latency_p95_at_rate takes 130 calls, 65 s at 2 / s,", "rate_seconds: 65 s"],
        ),
        ({"targets": "[ssh://-door]"}, ["targets[0]", "ssh://user@host:port"]),
        ({"targets": "[jetson]"}, ["jetson", "not declared", "autoedge targets add"]),
    ],
)
def test_bad_intents(write_intent: Intent, autoedge: Command, changes: dict[str, str], parts: list[str]) -> None:
    """What cannot be meant is exit 2 and says where, which rule and what to do."""
    said(autoedge("select", "--intent", write_intent(**changes)), 2, *parts)


def test_labels_that_do_not_fit(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """More classes in the labels than columns in the scores, or another number of labels than samples: exit 2."""
    x = np.zeros((10, 4), np.float32)
    np.savez(place / "eval.npz", x=x, y=np.arange(10))
    said(autoedge("select", "--intent", write_intent()), 2, "labels go up to 9", "10 columns", "has 3")
    np.savez(place / "eval.npz", x=x, y=np.zeros(7, np.int64))
    said(autoedge("select", "--intent", write_intent()), 2, "one label a sample", "7", "10")


def test_shapes_that_do_not_fit(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """Samples that do not fit the model are exit 2 with both shapes."""
    np.savez(place / "eval.npz", x=np.zeros((10, 5), np.float32), y=np.zeros(10, np.int64))
    said(autoedge("select", "--intent", write_intent()), 2, "(4)", "(5)", "eval.npz")


def test_models_that_are_none(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """A file that is no model is exit 2 and named."""
    (place / "small.onnx").write_bytes(b"not a model at all")
    said(autoedge("select", "--intent", write_intent()), 2, "small.onnx")


def test_a_reference_that_gives_nan(nan_model: Callable[[str], Path], write_intent: Intent, autoedge: Command) -> None:
    """A reference whose outputs are NaN is exit 2; the reason names it."""
    nan_model("large.onnx")
    said(autoedge("select", "--intent", write_intent()), 2, "NaN", "reference 'large'")


def test_one_bad_model_does_not_end_the_run(
    nan_model: Callable[[str], Path], place: Path, write_intent: Intent, autoedge: Command
) -> None:
    """A candidate model that gives NaN is a failed row with its reason; the others are chosen among."""
    nan_model("nan.onnx")
    intent = write_intent(models="[large.onnx, small.onnx, nan.onnx]")
    process = autoedge("select", "--intent", intent, "--out", place / "run")
    assert process.returncode == 0, process.stderr
    failed = [row for row in rows_in(place / "run") if not row.ok]
    assert any("NaN" in row.reason for row in failed)


def test_nothing_feasible(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """An intent that nothing meets is exit 1; the nearest candidate, its bundle and the way out are there."""
    intent = write_intent(constraints="[accuracy >= 90 %, size <= 10 B]")
    process = autoedge("select", "--intent", intent, "--out", place / "run")
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr
    assert "size <= 10 B" in process.stdout
    readme = (place / "run" / "bundle" / "README.md").read_text()
    assert "does not meet its intent" in readme[:600].lower()


@needs_mount
def test_a_read_only_folder(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """A folder on a read-only file system is exit 5 and says to name another."""
    with mounted(place / "out", "ro,size=1m") as folder:
        said(autoedge("select", "--intent", write_intent(), "--out", folder / "run"), 5, "--out")


@needs_mount
def test_a_full_disk_loses_nothing(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """A disk that fills up in mid-run is exit 5; what was measured is there, and with more space the run goes on."""
    intent = write_intent()
    with mounted(place / "out", "size=6m") as folder:
        filler = folder / "filler"
        first = autoedge("select", "--intent", write_intent(budget="{measurements: 16}"), "--out", folder / "run")
        assert first.returncode in (0, 4), first.stderr
        before = len(rows_in(folder / "run"))
        free = os.statvfs(folder)
        filler.write_bytes(b"\0" * max(0, free.f_bavail * free.f_frsize - 24 * 1024))
        said(autoedge("select", "--intent", intent, "--out", folder / "run"), 5, "full")
        filler.unlink()
        assert len(rows_in(folder / "run")) >= before
        after = autoedge("select", "--intent", intent, "--out", folder / "run")
        assert after.returncode in (0, 4), after.stderr


def test_a_corrupt_database(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """A damaged study.db is exit 5, says what to do, and is left as it is."""
    intent, run = write_intent(), place / "run"
    run.mkdir()
    (run / "study.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    said(autoedge("select", "--intent", intent, "--out", run), 5, "study.db", "copy")
    assert (run / "study.db").read_bytes().endswith(b"\xff" * 4096)


def test_a_foreign_database_is_not_touched(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """A store written by a newer AutoEdge is exit 5 and unchanged."""
    intent, run = write_intent(), place / "run"
    run.mkdir()
    with sqlite3.connect(run / "study.db") as database:
        database.execute("CREATE TABLE autoedge_version (version_num TEXT)")
        database.execute("INSERT INTO autoedge_version VALUES ('9999')")
    said(autoedge("select", "--intent", intent, "--out", run), 5, "newer AutoEdge")


def test_a_corrupt_cache_entry(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """A damaged file in the variant cache is made again; the run does not notice."""
    intent = write_intent()
    assert autoedge("select", "--intent", intent, "--out", place / "one").returncode == 0
    for blob in (place / "cache" / "blobs").iterdir():
        blob.chmod(0o644)
        blob.write_bytes(b"damaged")
    process = autoedge("select", "--intent", intent, "--out", place / "two")
    assert process.returncode == 0, process.stderr
    assert all(row.ok or row.status is Status.STOPPED for row in rows_in(place / "two"))  # a race is no failure


def test_a_second_run_in_the_same_folder(
    place: Path, write_intent: Intent, autoedge: Command, environment: dict[str, str]
) -> None:
    """While one run works in a folder, another one there is exit 5 at once; the first is not disturbed."""
    intent = write_intent()
    command = [
        sys.executable,
        "-m",
        "autoedge_cli.main",
        "select",
        "--intent",
        str(intent),
        "--out",
        str(place / "run"),
    ]
    first = subprocess.Popen(command, env=environment, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not (place / "run" / "study.db").exists() and first.poll() is None:
        time.sleep(0.05)
    said(autoedge("select", "--intent", intent, "--out", place / "run"), 5, "another autoedge works in this folder")
    _, text = first.communicate(timeout=240)
    assert first.returncode == 0, text


def test_a_measured_figure_without_a_meter(write_intent: Intent, autoedge: Command) -> None:
    """A constraint that wants energy measured is exit 3 where no meter is, before anything is measured."""
    intent = write_intent(constraints="[{metric: energy, max: 5 mJ, source: measured}]")
    said(autoedge("select", "--intent", intent), 3, "no power meter")


def rows_in(run: Path) -> list[Measurement]:
    """What a run's store holds; the file is closed again."""
    store = Store(run / "study.db")
    try:
        return store.measurements()
    finally:
        store.close()


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own."""
    folder.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", str(folder)], check=True)

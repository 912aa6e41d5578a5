"""Compile int8 models for Google's Edge TPU, and read what its compiler says."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoedge.errors import ModelError
from autoedge.models.makers import EDGE_TPU_COMPILER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAPPED = "Mapped to Edge TPU"
"""Status of an operator that runs on the device."""
_TIMEOUT_S = 600
_GRACE_S = 30
_TOTAL = re.compile(r"^Total number of operations: *(\d+)", re.MULTILINE)
_ON_TPU = re.compile(r"^Number of operations (?:that will run on|mapped to) (?:the )?Edge TPU: *(\d+)", re.MULTILINE)
_ON_CPU = re.compile(r"^Number of operations that will run on (?:the )?CPU: *(\d+)", re.MULTILINE)
_VERSION = re.compile(r"^Edge TPU Compiler version *(\S+)", re.MULTILINE)
_HEAD = re.compile(r"^Operator +Count +Status *$")
_ROW = re.compile(r"^(\S+) +(\d+) +(\S.*?) *$")
_NOISE = ("Edge TPU Compiler", "Started a", "Compilation child", "Internal compiler error. Aborting")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """What the compiler says of one model.

    Attributes:
        version: Of the compiler; empty where it does not say.
        mapped: Operators that run on the Edge TPU.
        left: Operators that run on the CPU.
        log: By operator, how many there are of each status; empty without the operation log.
    """

    version: str
    mapped: int
    left: int
    log: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mapped < 0 or self.left < 0:
            raise ValueError(f"numbers of operators are never negative, but got {self.mapped} and {self.left}")

    @property
    def reasons(self) -> dict[str, int]:
        """Why operators were left to the CPU, and how many for each reason, the most frequent first."""
        counts: dict[str, int] = {}
        for statuses in self.log.values():
            for status, count in statuses.items():
                if status != MAPPED:
                    counts[status] = counts.get(status, 0) + count
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def parse_report(text: str) -> Report:
    """The compiler's report, its operation log included where it was printed (``-s``) or appended.

    The numbers of operators come from the summary; where all are mapped, it names the total alone.

    Raises:
        ModelError: It names no numbers of operators.
    """
    log = _operation_log(text)
    total, tpu, cpu = (_number(pattern, text) for pattern in (_TOTAL, _ON_TPU, _ON_CPU))
    if tpu is None and log:
        tpu = sum(statuses.get(MAPPED, 0) for statuses in log.values())
    if tpu is None:
        tpu = total
    if tpu is None:
        raise ModelError(
            f"a report of {EDGE_TPU_COMPILER} names the number of operations, but this does not: {_last_words(text)}"
        )
    if cpu is None:
        cpu = max(0, (total if total is not None else tpu) - tpu)
    version = _VERSION.search(text)
    return Report(version[1] if version else "", tpu, cpu, log)


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(found[1]) if found else None


def _operation_log(text: str) -> dict[str, dict[str, int]]:
    log: dict[str, dict[str, int]] = {}
    inside = False
    for line in text.splitlines():
        row = _ROW.match(line)
        if _HEAD.match(line):
            inside, log = True, {}  # printed and appended, it stands there twice
        elif inside and row:
            statuses = log.setdefault(row[1], {})
            statuses[row[3]] = statuses.get(row[3], 0) + int(row[2])
        elif line.strip():
            inside = False
    return log


def compile_in_place(model: Path, work: Path, *, timeout_s: float = _TIMEOUT_S) -> Report:
    """Replace an int8 model by what the Edge TPU's compiler makes of it.

    Args:
        model: The file; read and overwritten.
        work: Folder for files on the way.
        timeout_s: Seconds that the compiler may take.

    Raises:
        ModelError: The compiler is missing, refuses, takes too long, or maps nothing.
    """
    program = shutil.which(EDGE_TPU_COMPILER)
    if program is None:
        raise ModelError(
            f"compiling for an Edge TPU takes {EDGE_TPU_COMPILER}, which is not installed: see "
            "https://coral.ai/docs/edgetpu/compiler (x86-64 Linux: apt install edgetpu-compiler)"
        )
    source, folder = work / "int8.tflite", work / "edgetpu"
    folder.mkdir()
    shutil.copyfile(model, source)
    command = [program, "-s", "-t", str(int(timeout_s)), "-o", str(folder), str(source)]
    try:
        done = subprocess.run(
            command,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s + _GRACE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{EDGE_TPU_COMPILER} took more than {timeout_s:g} s and was stopped") from error
    said = done.stdout.decode("utf-8", "replace")
    made = folder / "int8_edgetpu.tflite"
    if done.returncode or not made.is_file():
        raise ModelError(f"{EDGE_TPU_COMPILER} cannot compile it: {_last_words(said)}")
    report = parse_report(said)
    if not report.mapped:
        reasons = "; ".join(f"{status} ({count})" for status, count in report.reasons.items())
        raise ModelError(f"none of its {report.left} operators can run on an Edge TPU: {reasons or 'no reason given'}")
    _log.info("%d operators run on the Edge TPU, %d on the CPU", report.mapped, report.left)
    made.replace(model)
    return report


def _last_words(text: str) -> str:
    """What a failed run says, without what every run says."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(_NOISE)] or lines or ["it says nothing"]
    return " ".join(told[-3:])

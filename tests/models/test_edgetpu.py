"""The Edge TPU's compiler: its reports, and what becomes of its answers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import ModelError
from autoedge.models import edgetpu
from autoedge.models.edgetpu import MAPPED, Report, compile_in_place, parse_report

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 1133 ms.

Input model: int8.tflite
Input size: 3.89MiB
Output model: int8_edgetpu.tflite
Output size: 4.09MiB
On-chip memory used for caching model parameters: 3.84MiB
On-chip memory remaining for caching model parameters: 3.75MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
"""
TAIL = """Compilation child process completed within timeout period.
Compilation succeeded!
"""
WHOLE = f"""{HEAD}Total number of operations: 65
Operation log: int8_edgetpu.log
See the operation log file for individual operation details.
{TAIL}"""
PART = f"""{HEAD}Total number of operations: 73
Operation log: int8_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will instead
run on the CPU, which is slower. For details, visit g.co/coral/model-reqs.
Number of operations that will run on Edge TPU: 67
Number of operations that will run on CPU: 6

Operator                       Count      Status

DEPTHWISE_CONV_2D              17         Mapped to Edge TPU
CONV_2D                        35         Mapped to Edge TPU
QUANTIZE                       1          Mapped to Edge TPU
QUANTIZE                       1          More than one subgraph is not supported
ADD                            14         Mapped to Edge TPU
DEQUANTIZE                     2          Operation is working on an unsupported data type
TRANSPOSE                      3          Operation not supported
{TAIL}"""
REFUSED = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.
Invalid model: int8.tflite
Model not quantized
"""


def test_a_model_that_is_mapped_whole() -> None:
    """Where all operators are mapped, the report names the total alone."""
    assert parse_report(WHOLE) == Report("16.0.384591198", 65, 0)


def test_a_model_that_is_mapped_in_part() -> None:
    """Numbers, each operator's statuses, and the reasons why some are left to the CPU."""
    report = parse_report(PART)
    assert (report.mapped, report.left) == (67, 6)
    assert report.log["QUANTIZE"][MAPPED] == 1
    assert sum(report.log["QUANTIZE"].values()) == 2
    assert list(report.reasons.items())[:2] == [
        ("Operation not supported", 3),
        ("Operation is working on an unsupported data type", 2),
    ]
    assert sum(report.reasons.values()) == 6


def test_a_log_printed_and_appended_counts_once() -> None:
    """The operation log file says again what the report said."""
    assert parse_report(PART + PART[PART.index("Operator ") :]).log == parse_report(PART).log


def test_the_log_file_alone() -> None:
    """Without a summary, the log's own lines are counted."""
    log = PART[PART.index("Operator ") : PART.index("Compilation child")]
    report = parse_report(log)
    assert (report.version, report.mapped) == ("", 67)


def test_a_refusal_is_no_report() -> None:
    """What names no numbers is told with the compiler's last words."""
    with pytest.raises(ModelError, match=r"but this does not: Invalid model: int8\.tflite Model not quantized"):
        parse_report(REFUSED)


@given(mapped=st.integers(0, 999), left=st.integers(0, 999))
def test_any_numbers(mapped: int, left: int) -> None:
    """Whatever the numbers are, they are read as written."""
    text = PART.replace("Edge TPU: 67", f"Edge TPU: {mapped}").replace("CPU: 6", f"CPU: {left}")
    report = parse_report(text)
    assert (report.mapped, report.left) == (mapped, left)


@given(text=st.text())
def test_any_text(text: str) -> None:
    """No text makes the parser fail in any other way than by saying that it is no report."""
    with suppress(ModelError):
        assert parse_report(text).mapped >= 0


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program under the compiler's name, whose answers tests write into files beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "edgetpu_compiler"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" > {folder}/asked; cat {folder}/says\n'
        f"test -e {folder}/slow && exec sleep 60\n"
        f"test -e {folder}/fails && exit 1\n"
        'printf compiled > "$5/int8_edgetpu.tflite"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Something to compile."""
    path = tmp_path / "work" / "variant.tflite"
    path.parent.mkdir()
    path.write_bytes(b"int8")
    return path


def test_the_compiled_model_takes_the_models_place(compiler: Path, model: Path) -> None:
    """The compiler is asked for operator statuses and a limit, and its file replaces the int8 one."""
    (compiler / "says").write_text(PART)
    report = compile_in_place(model, model.parent)
    assert model.read_bytes() == b"compiled"
    assert (report.mapped, report.left) == (67, 6)
    work = model.parent
    assert (compiler / "asked").read_text() == f"-s -t 600 -o {work}/edgetpu {work}/int8.tflite\n"


def test_a_model_that_it_refuses(compiler: Path, model: Path) -> None:
    """A failed run is told in the compiler's words."""
    (compiler / "says").write_text(REFUSED)
    (compiler / "fails").touch()
    with pytest.raises(ModelError, match=r"edgetpu_compiler cannot compile it: Invalid model: int8\.tflite Model not"):
        compile_in_place(model, model.parent)
    assert model.read_bytes() == b"int8"


def test_a_model_of_which_nothing_is_mapped(compiler: Path, model: Path) -> None:
    """A variant that would run on the CPU alone is none for the Edge TPU."""
    log = "Operator   Count      Status\n\nTRANSPOSE  3          Operation not supported\n"
    (compiler / "says").write_text(f"{HEAD}Total number of operations: 3\n{log}")
    with pytest.raises(
        ModelError, match=r"none of its 3 operators can run on an Edge TPU: Operation not supported \(3\)"
    ):
        compile_in_place(model, model.parent)


def test_a_compiler_that_hangs(compiler: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped after its time."""
    (compiler / "says").write_text(HEAD)
    (compiler / "slow").touch()
    monkeypatch.setattr(edgetpu, "_GRACE_S", 0)
    with pytest.raises(ModelError, match=r"took more than 0\.3 s and was stopped"):
        compile_in_place(model, model.parent, timeout_s=0.3)


def test_without_the_compiler(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what is missing and where it is."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match=r"takes edgetpu_compiler, which is not installed: see https://coral\.ai"):
        compile_in_place(model, model.parent)

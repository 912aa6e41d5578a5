"""A bundle's verification on a terminal: every figure as recorded and as it is now, in the one style."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from autoedge.deploy.compare import Check, Kept
from autoedge.deploy.signature import Signed
from autoedge.deploy.verification import Verification
from autoedge.measurement import Source, Value
from autoedge_cli.render_bundle import render_verification

if TYPE_CHECKING:
    from collections.abc import Callable

_NASTY = "[red]a\x1b[31m\u202e\nb"


def figure(value: float, low: float, high: float, source: Source = Source.MEASURED) -> Value:
    """A figure with its interval."""
    return Value(value, low, high, source, "test", 6)


CHECKS = (
    Check("latency_p95_ms", figure(0.0135, 0.0111, 0.0164), figure(0.0134, 0.0113, 0.0159), Kept.INSIDE),
    Check("throughput_ips", figure(85830, 43630, 168900), figure(1000, 990, 1010), Kept.OUTSIDE),
    Check("accuracy", figure(0.99, 0.9643, 0.9973), None, Kept.UNCHECKED, "it takes the evaluation data"),
    Check("energy_mj", figure(0.1, 0.05, 0.15, Source.ESTIMATED), None, Kept.UNCHECKED, _NASTY),
    Check("latency_p99_ms", figure(2, 1, 3), None, Kept.UNDECIDED, "too few valid measurements"),
)


@pytest.fixture
def printed(paper: Callable[..., Any], read: Callable[[Any], str]) -> Callable[..., str]:
    """``printed(checks, width, signed)``: what a verification prints."""

    def text(checks: tuple[Check, ...], width: int = 120, signed: Signed | None = None) -> str:
        bundle: Any = SimpleNamespace(folder=Path("doorbell"))
        now: Any = SimpleNamespace(processes=6)
        sheet = paper(width)
        render_verification(sheet, Verification(bundle, now, checks, True, (f"a note {_NASTY}",), signed))  # noqa: FBT003
        return read(sheet)

    return text


def test_every_figure_stands_with_what_became_of_it(printed: Callable[..., str]) -> None:
    """Name, outcome, both figures in the units of everything else that is printed, and why it was not checked."""
    text = printed(CHECKS)
    assert "doorbell: outside: a figure is worse than recorded" in text
    assert "measured again in 6 fresh processes" in text
    rows = {line.split()[0]: " ".join(line.split()) for line in text.splitlines() if "  " in line.strip()}
    inside = "inside 0.0135 ms [0.0111, 0.0164] 0.0134 ms [0.0113, 0.0159]"
    assert rows["latency_p95"].endswith(inside)
    assert rows["throughput"].endswith("outside 85800 /s [43600, 169000] 1000 /s [990, 1010]")
    assert rows["accuracy"].endswith("not checked 99.0 % [96.4, 99.7] \N{EN DASH} it takes the evaluation data")
    assert "~0.100 mJ" in rows["energy"]
    assert "undecided" in rows["latency_p99"]


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (CHECKS[:1], "doorbell: ok: what was checked is as recorded"),
        (CHECKS[4:], "doorbell: undecided: not all of it could be judged"),
    ],
)
def test_the_outcome_comes_first(printed: Callable[..., str], kept: tuple[Check, ...], said: str) -> None:
    """The first line says what it came to."""
    assert said in printed(kept).splitlines()[0]


def test_who_signed_is_told(printed: Callable[..., str]) -> None:
    """With a signature the key's name and id, without one that nobody vouches for it."""
    assert "no signature: who made it is not known" in printed(CHECKS)
    text = printed(CHECKS, 120, Signed("0123456789abcdef", "release", 0))
    assert "signed by release (key 0123456789abcdef) at 1970-01-01 00:00:00 UTC" in text


def test_a_narrow_terminal_loses_no_figure(printed: Callable[..., str]) -> None:
    """With 80 columns every number of both intervals is still there."""
    text = printed(CHECKS[:3], 80)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    for part in ("0.0135 ms", "[0.0111,", "0.0164]", "[0.0113,", "0.0159]", "[43600,", "169000]"):
        assert part in text


@pytest.mark.parametrize("width", [80, 120])
def test_hostile_text_is_harmless(printed: Callable[..., str], width: int) -> None:
    """Notes from elsewhere neither colour nor break the table, and no line is wider than asked for."""
    text = printed(CHECKS, width)
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert "[red]a" in text
    assert max(map(cell_len, text.splitlines())) <= width

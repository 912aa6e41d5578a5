"""The book that the kernel keeps of its clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autoedge.agent.clocking import clock_seconds

if TYPE_CHECKING:
    from pathlib import Path


def policy(root: Path, number: int, cpus: str, highest: str, book: str) -> None:
    """Writes one group of cores that share a clock."""
    folder = root / f"sys/devices/system/cpu/cpufreq/policy{number}"
    (folder / "stats").mkdir(parents=True)
    (folder / "affected_cpus").write_text(f"{cpus}\n")
    (folder / "cpuinfo_max_freq").write_text(f"{highest}\n")
    (folder / "stats/time_in_state").write_text(book)


def test_by_hand(tmp_path: Path) -> None:
    """Four cores, 10 s at half and 5 s at full clock; two others, 20 s at full: 40 + 40 core seconds at full clock."""
    policy(tmp_path, 0, "0 1 2 3", "1800000", "900000 1000\n1800000 500\n")
    policy(tmp_path, 4, "4 5", "2400000", "2400000 2000\n")
    assert clock_seconds(tmp_path) == pytest.approx(4 * (5 + 5) + 2 * 20)


@pytest.mark.parametrize("book", ["", "nonsense\n", "900000\n", "a b\n-1 5\n"])
def test_no_book(tmp_path: Path, book: str) -> None:
    """Where the kernel keeps none, or one that makes no sense, it is 0."""
    assert clock_seconds(tmp_path) == 0.0
    policy(tmp_path, 0, "0", "", book)
    assert clock_seconds(tmp_path) == 0.0


def test_the_highest_clock_may_be_missing(tmp_path: Path) -> None:
    """Then the highest of the book counts."""
    policy(tmp_path, 0, "0", "", "500000 100\n1000000 100\n")
    assert clock_seconds(tmp_path) == pytest.approx(1.5)

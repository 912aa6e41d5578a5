"""Recorded energy traces played through emulated instruments: does the stated uncertainty cover the published energy?

Each trace is shown to an instrument (sampled, held between updates, lagged, rounded, wrong by a gain and an offset
drawn evenly within its accuracy), and the energy of each window is computed as from a real one. Counted are the windows
that the meter is fit for, and how many of those have the published energy within the stated 95 % uncertainty. Aim:
93 %. The boards draw 7 to 142 mW, which USB meters hardly see; so that these are exercised too, the traces are also
played with their power multiplied.

    python benchmarks/energy/traces.py TRACES [--seeds 50] [--live 0]

``TRACES`` is a folder of trace folders, each with ``trace.json`` and energy bins. The table comes from a model of each
instrument in memory, with the spec that its driver publishes. ``--live 6`` plays six windows in real time too, through
the real drivers and the emulators on ptys, four of each instrument at once.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.signal import lfilter

from autoedge.bench.energy import window_energy
from autoedge.bench.recorded import read_trace
from autoedge.meters.lpm01a import Lpm01a
from autoedge.meters.tc66 import Tc66
from autoedge.meters.trace import Counts, Trace
from autoedge.meters.um25c import Um25c
from autoedge.testing.display import Display
from autoedge.testing.emulators.lpm01a import Lpm01aEmulator
from autoedge.testing.emulators.tc66 import Tc66Emulator
from autoedge.testing.emulators.um25c import Um25cEmulator
from autoedge.testing.profile import Constant, Recorded

if TYPE_CHECKING:
    from autoedge.meters.spec import MeterSpec

VOLTS = 5.1
LAG_S = 0.5 / 3
DRAWS = 4
LEAD_S = 6.0
SCALES = (1, 10, 100, 1000)


@dataclass(frozen=True)
class Instrument:
    """A model of an instrument: its data sheet, how it is asked, and what it cannot show; its driver and emulator."""

    meter: type[Any]
    emulator: type[Any]
    options: dict[str, Any]
    live_scale: int
    poll_s: float
    jitter_s: float
    largest_w: float

    @cached_property
    def spec(self) -> MeterSpec:
        """What the driver publishes of the emulated instrument."""
        with self.emulator(Constant(0.01)) as instrument, self.meter(port=instrument.path, **self.options) as opened:
            return opened.spec

    def shows(self, truth: tuple[np.ndarray, float], scale: float, dice: np.random.Generator) -> Trace:
        """What it records of a trace of energy bins in J, on the trace's clock."""
        joules, width_s = truth
        spec = self.spec
        watts = joules / width_s * scale
        if spec.energy_resolution_j is not None:
            return self._counts(watts, width_s, dice)
        times = np.arange(dice.uniform(0, self.poll_s), joules.size * width_s, self.poll_s)
        times = np.sort(times + dice.uniform(0, self.jitter_s, times.size))
        display = Display(
            Recorded(width_s * (1 + np.arange(joules.size)), lagged(watts, LAG_S / width_s)),
            period_s=spec.update_period_s,
            gain=1 + dice.uniform(-spec.gain, spec.gain),
            offset_w=dice.uniform(-spec.offset_w, spec.offset_w),
            phase_s=dice.uniform(0, spec.update_period_s),
        )
        shown = np.rint(display.power_w(times) / spec.resolution_w) * spec.resolution_w
        over = shown >= self.largest_w
        return Trace(times, np.minimum(shown, self.largest_w), spec=spec, counts=Counts(overloads=int(over.sum())))

    def _counts(self, watts: np.ndarray, width_s: float, dice: np.random.Generator) -> Trace:
        spec = self.spec
        shown = watts * (1 + dice.uniform(-spec.gain, spec.gain)) + dice.uniform(-spec.offset_w, spec.offset_w)
        bins = shown * width_s
        step = 10.0 ** (np.floor(np.log10(np.maximum(bins, 1e-12))) - 3)  # four digits, as the protocol writes them
        bins = np.rint(bins / step) * step
        edges = width_s * np.arange(watts.size + 1)
        counter = np.concatenate([[0.0], np.cumsum(bins)])
        over = int((watts >= self.largest_w).sum())
        power = np.concatenate([bins[:1], bins]) / width_s
        return Trace(edges, power, energy_j=counter, spec=spec, counts=Counts(overloads=over))


def lagged(watts: np.ndarray, tau: float) -> np.ndarray:
    """A first-order low-pass of values that are level within each bin; ``tau`` in bins."""
    left = np.exp(-1 / tau)
    return lfilter([1 - left], [1, -left], watts, zi=[left * watts[0]])[0]


INSTRUMENTS = (  # the USB meters' largest power is that of 5 A, the LPM01A's that of 50 mA
    Instrument(Um25c, Um25cEmulator, {}, 100, 0.5, 0.06, 5 * VOLTS),
    Instrument(Tc66, Tc66Emulator, {}, 100, 0.1, 0.01, 5 * VOLTS),
    Instrument(Lpm01a, Lpm01aEmulator, {"volts": 3.2}, 1, 1e-3, 0.0, 0.05 * 3.2),
)


@dataclass
class Tally:
    """What became of the windows of one instrument at one scale."""

    windows: int = 0
    fit: int = 0
    covered: int = 0
    widths: tuple[float, ...] = ()
    reasons: tuple[str, ...] = ()

    def count(self, shown: Trace, start_s: float, end_s: float, truth_j: float) -> None:
        """Add a window whose published energy is ``truth_j``."""
        found = window_energy(shown, start_s, end_s)
        self.windows += 1
        if found.refused:
            self.reasons += (kind_of(found.refused),)
            return
        self.fit += 1
        self.covered += abs(found.energy_j - truth_j) <= found.uncertainty_j
        self.widths += (found.uncertainty_j / found.energy_j,)

    def line(self, name: str, scale: float) -> str:
        """One row of the table."""
        share = f"{self.covered / self.fit:.1%}" if self.fit else "-"
        width = f"{np.median(self.widths):.2%}" if self.widths else "-"
        common = max(set(self.reasons), key=self.reasons.count) if self.reasons else ""
        return f"| {name} | x {scale} | {self.windows} | {self.fit} | {share} | {width} | {common} |"


def kind_of(refusal: str) -> str:
    """The first reason, without its figures."""
    return re.split(r":|,", refusal, maxsplit=1)[0].lstrip("0123456789 ")


def bins_of(folder: Path) -> tuple[np.ndarray, float]:
    """Energies of a trace's bins in J, and their width in s."""
    trace, _ = read_trace(folder)
    return np.diff(trace.energy_j), float(trace.time_s[1])


def windows_of(folder: Path) -> list[dict[str, Any]]:
    """The windows as ``trace.json`` states them."""
    return json.loads((folder / "trace.json").read_text())["windows"]


def tallied(instrument: Instrument, folders: list[Path], scale: float, seeds: int) -> Tally:
    """Every window of every trace, ``seeds`` times."""
    tally = Tally()
    for index, folder in enumerate(folders):
        bins, windows = bins_of(folder), windows_of(folder)
        for seed in range(seeds):
            shown = instrument.shows(bins, scale, np.random.default_rng([seed, index, scale]))
            for window in windows:
                tally.count(shown, window["start_s"], window["stop_s"], window["published_energy_mj"] * 1e-3 * scale)
    return tally


def live(instrument: Instrument, folders: list[Path], windows: int) -> Tally:
    """Windows in real time through driver and pty, taken from the traces in turn."""
    spec, scale, tally, dice = instrument.spec, instrument.live_scale, Tally(), np.random.default_rng(0)
    for number in range(windows):
        folder = folders[number % len(folders)]
        joules, width = bins_of(folder)
        window = windows_of(folder)[number // len(folders) % 5]
        still = np.full(round(LEAD_S / width), joules[0])  # before the trace, so that meters can be opened
        with ExitStack() as stack:
            origin = time.perf_counter() + LEAD_S - window["start_s"]  # when second 0 of the trace would play
            profile = Recorded.of_bins(origin - LEAD_S, width, np.concatenate([still, joules]) * scale)
            opened = []
            for _ in range(DRAWS):
                wrong = {
                    "gain": 1 + dice.uniform(-spec.gain, spec.gain),
                    "offset_w": dice.uniform(-spec.offset_w, spec.offset_w),
                    "seed": int(dice.integers(2**31)),
                }
                shown = stack.enter_context(instrument.emulator(profile, volts=VOLTS, **wrong))
                opened.append(stack.enter_context(instrument.meter(port=shown.path, **instrument.options)))
            for one in opened:
                one.start()
            time.sleep(max(0.0, origin + window["stop_s"] + 1 - time.perf_counter()))
            truth = window["published_energy_mj"] * 1e-3 * scale
            for one in opened:
                tally.count(one.stop(), origin + window["start_s"], origin + window["stop_s"], truth)
    return tally


def main() -> None:
    """Print a table with a row for each instrument and scale."""
    parser = argparse.ArgumentParser()
    parser.add_argument("traces", type=Path)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--live", type=int, default=0)
    options = parser.parse_args()
    folders = sorted(path.parent for path in options.traces.glob("*/trace.json"))
    print("| instrument | power | windows | fit | covered | median U | most refused since |")
    print("|---|---|--:|--:|--:|--:|---|")
    for instrument in INSTRUMENTS:
        for scale in SCALES:
            print(tallied(instrument, folders, scale, options.seeds).line(instrument.spec.name, scale), flush=True)
    if options.live:
        long = [one for one in folders if all(w["stop_s"] - w["start_s"] >= 12 for w in windows_of(one))]  # fit for all
        for instrument in INSTRUMENTS:
            tally = live(instrument, long, options.live)
            print(tally.line(f"{instrument.spec.name}, live", instrument.live_scale), flush=True)


if __name__ == "__main__":
    main()

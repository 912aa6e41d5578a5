"""Energy per item of a real candidate under emulated meters: does the stated uncertainty cover the truth?

In every run an agent measures one candidate as `autoedge select` would (idle, loaded and waiting, latency, energy
window, idle again) while three emulated instruments on ptys watch it at once, each read by its real driver:

- constant: a UM25C that shows the power at once, twice a second. The power is at one level while the process works, and
  at another one while it rests, as its CPU time tells.
- step: an LPM01A with 1000 values a second, and a board of milliwatts. While the process works the power is higher by a
  boost until that is used up, which happens in the middle of the energy window.
- lagging: a TC66, whose values take 0.5 s to settle. Power as for constant.

Each instrument is wrong by a gain and an offset drawn evenly within
the accuracy that its driver publishes. The truth is the integral of the power between the edges of the window that the
process noted, by the items in it; net truth is above the integral over the loaded idle stretches. Counted is how often
the stated 95 % uncertainty covers it. Aim: 93 of 100, and at most 5 % stated for constant.

    python benchmarks/energy/accuracy.py OUT.jsonl [--runs 100] [--jobs 1] [--preset quick]

A run takes about a minute. Results are appended to OUT.jsonl; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from autoedge.bench.making import Making
from autoedge.bench.metering import HostMetering
from autoedge.bench.power import power_outcome
from autoedge.bench.presets import protocol_for
from autoedge.bench.task import Task, file_hash
from autoedge.candidate import Candidate, Configuration
from autoedge.intent.resolved import Limits
from autoedge.measurement import Phase
from autoedge.meters.lpm01a import Lpm01a
from autoedge.meters.tc66 import Tc66
from autoedge.meters.um25c import Um25c
from autoedge.targets.local import LocalTarget
from autoedge.testing.emulators.lpm01a import Lpm01aEmulator
from autoedge.testing.emulators.tc66 import Tc66Emulator
from autoedge.testing.emulators.um25c import Um25cEmulator
from autoedge.testing.following import Following
from autoedge.testing.profile import Constant, at_each

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from autoedge.agent.frames import Frame
    from autoedge.meters.base import Meter
    from autoedge.testing.profile import Profile, T

MODELS = Path(__file__).parents[2] / "examples" / "digits" / "models"
CANDIDATES = (("conv-large", 8), ("resnet", 8), ("conv-separable", 1), ("mlp", 16))
RUNTIME = {"onnxruntime": "autoedge.runtimes.onnxruntime:OnnxRuntime"}
METERS = ("constant", "step", "lagging")
IDLE_W, WORK_W = 2.6, 2.2
SMALL = 0.025  # a board that an LPM01A can supply
BOOST_W, BOOST_S = 0.8, (8.0, 14.0)
VOLTS = 3.3
AIM = 0.93


class Levels:
    """The power of a device whose processor works or rests, and while it works gets a boost until that is used up.

    It works while a process has used a tenth of a core in the last second, so that a moment in which another program
    takes its core is no change of the load. The level holds between two readings of the process's CPU time, so that the
    energy is exact.

    Args:
        following: Reads the CPU time.
        idle_w: At rest.
        work_w: What work adds.
        boost_w: What it adds at first.
        boost_s: CPU seconds that the boost lasts.
    """

    lately_s = 1.0
    share = 0.1

    def __init__(
        self, following: Following, idle_w: float, work_w: float, boost_w: float = 0.0, boost_s: float = 0.0
    ) -> None:
        self._following = following
        self._idle_w, self._work_w, self._boost_w, self._boost_s = idle_w, work_w, boost_w, boost_s

    def power_w(self, t: T) -> T:
        """Watts at a time or at an array of times, in s."""
        return at_each(self._watts_at, t)

    def energy_j(self, start: float, end: float) -> float:
        """The exact integral of the power from start to end, in J."""
        edges = np.concatenate([[start], self.knots(start, end), [end]])
        return float(np.diff(edges) @ self.power_w((edges[1:] + edges[:-1]) / 2))

    def knots(self, start: float, end: float) -> NDArray[np.float64]:
        """Times at which the level may change."""
        return self._following.knots(start, end)

    def _watts_at(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        read = self.knots(float(at.min()) - self.lately_s, float(at.max()))
        places = np.searchsorted(read, at) - 1  # the last reading before each time
        levels = {
            int(place): self._level(float(read[place])) if place >= 0 else self._idle_w for place in set(places.flat)
        }
        return np.array([levels[int(place)] for place in places.flat]).reshape(at.shape)

    def _level(self, read: float) -> float:
        busy_s = self._following.busy_s
        if busy_s(read - self.lately_s, read) <= self.share * self.lately_s:
            return self._idle_w
        boosted = busy_s(0.0, read) < self._boost_s
        return self._idle_w + self._work_w + self._boost_w * boosted


def measured(number: int, preset: str) -> list[dict[str, Any]]:
    """One run: what each instrument said of it, and the truth."""
    model, batch = CANDIDATES[number % len(CANDIDATES)]
    path = MODELS / f"{model}.onnx"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autoedge-accuracy-")))
        target = LocalTarget(RUNTIME, blobs=folder / "blobs", jobs=folder / "jobs")
        stack.enter_context(target)
        agent = psutil.Process().children()[0].pid
        following = stack.enter_context(Following(agent, 0.0, 0.0))
        profiles = powers(following, np.random.default_rng(number))
        panel = {name: instrument(name, profile, number, stack) for name, profile in profiles.items()}
        meterings = {name: HostMetering(meter, target) for name, meter in panel.items()}
        slowest = meterings["constant"]  # its windows are long enough for the others too
        protocol = protocol_for(preset, {}, ["energy", "energy_net"], {}, metered=True)
        candidate = Candidate(
            Configuration(model, {"precision": "fp32"}, "onnxruntime", {"threads": 1, "batch": batch}), "local"
        )
        task = Task(None, "", None, {}, None, None, {"local": None}, model, seed=number)
        job = Making(task, protocol, Limits(None, None), slowest, frozenset({"energy_net"})).job(
            candidate, Phase.SEARCH, None
        )
        sha = file_hash(path)
        target.send_files({sha: path})
        for metering in meterings.values():
            metering.begin()

        def follow(phase: str) -> None:
            for metering in meterings.values():
                metering.phase(phase)

        reply = target.run({**job, "model": sha, "evaluate": "no", "key": {}}, {}, follow)
        if "done" not in reply.body:
            raise SystemExit(f"run {number}: {reply.body.get('failed', reply.body)}")
        return [
            {"run": number, "meter": name, "candidate": f"{model} x {batch}"}
            | compared(metering, reply, batch, profiles[name])
            for name, metering in meterings.items()
        ]


def powers(following: Following, dice: np.random.Generator) -> dict[str, Levels]:
    """What each instrument is shown."""
    level = Levels(following, IDLE_W, WORK_W)
    boosted = Levels(following, SMALL * IDLE_W, SMALL * WORK_W, SMALL * BOOST_W, dice.uniform(*BOOST_S))
    return {"constant": level, "step": boosted, "lagging": level}


def instrument(name: str, profile: Profile, number: int, stack: ExitStack) -> Meter:
    """An open driver on an emulated instrument that is wrong within the accuracy that the driver publishes."""
    emulator, meter = {
        "constant": (partial(Um25cEmulator, lag_s=0.0), Um25c),
        "step": (partial(Lpm01aEmulator, volts=VOLTS), partial(Lpm01a, volts=VOLTS)),
        "lagging": (Tc66Emulator, Tc66),
    }[name]
    dice = np.random.default_rng([zlib.crc32(name.encode()), number])
    with emulator(Constant(0.1)) as any_one, meter(port=any_one.path) as opened:
        spec = opened.spec
    wrong = {"gain": 1 + dice.uniform(-spec.gain, spec.gain), "offset_w": dice.uniform(-spec.offset_w, spec.offset_w)}
    shown = stack.enter_context(emulator(profile, seed=int(dice.integers(2**31)), **wrong))
    return stack.enter_context(meter(port=shown.path))


def compared(metering: HostMetering, reply: Frame, batch: int, profile: Profile) -> dict[str, Any]:
    """Stated figures in mJ beside the truth."""
    marks = reply.body["done"]["marks"]
    key = {"batch": batch, "rate": None, "battery_wh": None}
    outcome = power_outcome(metering.spec, metering.finish(reply), marks, key, {"energy_net"})
    windows, rests = (list(drawn(marks, names, profile)) for names in (("energy",), ("loaded", "end")))
    idle_w = sum(joules for joules, _, _ in rests) / sum(seconds for _, seconds, _ in rests)
    gross = np.mean([joules / (calls * batch) for joules, _, calls in windows]) * 1e3
    net = np.mean([(joules - idle_w * seconds) / (calls * batch) for joules, seconds, calls in windows]) * 1e3
    line: dict[str, Any] = {"refused": outcome.reason, "flags": outcome.flags, "idle_w": idle_w}
    for figure, truth in (("energy_mj", gross), ("energy_net_mj", net)):
        value = outcome.metrics.get(figure)
        stated = None if value is None else {"value": value.value, "uncertainty": (value.high - value.low) / 2}
        line[figure] = {"truth": float(truth), "stated": stated}
    return line


def drawn(
    marks: list[Mapping[str, Any]], names: tuple[str, ...], profile: Profile
) -> Iterator[tuple[float, float, int]]:
    """Of each stretch with one of these names: energy in J, length in s, calls."""
    for mark in marks:
        if mark["name"] in names:
            start, end = mark["start_ns"] / 1e9, mark["end_ns"] / 1e9
            yield profile.energy_j(start, end), end - start, mark["calls"]


def table(lines: list[dict[str, Any]]) -> str:
    """How often each instrument's figures covered the truth, and how wide they were."""
    rows = ["| meter | figure | runs | not told | covered | median U | largest U | median error |"]
    rows.append("|---|---|--:|--:|--:|--:|--:|--:|")
    by_meter = defaultdict(list)
    for line in lines:
        by_meter[line["meter"]].append(line)
    for name in METERS:
        for figure, word in (("energy_mj", "gross"), ("energy_net_mj", "net")):
            figures = [line[figure] for line in by_meter[name]]
            told = np.array([(*one["stated"].values(), one["truth"]) for one in figures if one["stated"]])
            if len(told):
                shown = [name, word, str(len(figures)), str(len(figures) - len(told)), *_shares(*told.T)]
                rows.append(f"| {' | '.join(shown)} |")
    return "\n".join(rows)


def _shares(value: np.ndarray, doubt: np.ndarray, truth: np.ndarray) -> list[str]:
    covered = np.abs(value - truth) <= doubt
    widths, errors = doubt / value, np.abs(value / truth - 1)
    shares = (np.median(widths), widths.max(), np.median(errors))
    return [f"{covered.sum()} ({covered.mean():.0%})", *(f"{share:.2%}" for share in shares)]


def alone(number: int, preset: str) -> list[str]:
    """A run in a process of its own with a machine lock of its own, as JSON lines; none where it failed."""
    with tempfile.TemporaryDirectory(prefix="autoedge-accuracy-") as folder:
        command = [sys.executable, __file__, "-", "--one", str(number), "--preset", preset]
        ended = subprocess.run(
            command, env={**os.environ, "TMPDIR": folder}, stdout=subprocess.PIPE, text=True, check=False
        )
    return ended.stdout.splitlines() if ended.returncode == 0 else []


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        for line in measured(options.one, options.preset):
            print(json.dumps(line))
        return
    lines = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    missing = sorted(set(range(options.runs)) - {line["run"] for line in lines})
    with options.out.open("a") as file, ThreadPoolExecutor(options.jobs) as pool:
        for future in as_completed(pool.submit(alone, number, options.preset) for number in missing):
            lines += [json.loads(line) for line in future.result()]
            file.writelines(f"{line}\n" for line in future.result())
            file.flush()
            print(f"{len({line['run'] for line in lines})} of {options.runs} runs", file=sys.stderr, flush=True)
    print(table(lines))


if __name__ == "__main__":
    main()

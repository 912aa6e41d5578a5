"""Are flat soaks left alone, and slowed ones flagged, on this very machine and whatever else runs on it?

    python benchmarks/soak/flagged.py [--soaks 20] [--seconds 12]

Real soaks of a model of the digits example on this machine, flat ones and such whose runtime takes a fifth longer
over every call from midway on, in turn. One line a soak on standard output, then the two counts.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.bench.soak_series import SoakSeries
from autoedge.bench.sustained import Sustained, judge
from autoedge.registry import places
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from autoedge.targets.base import Target

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "examples" / "digits" / "models" / "conv-tiny.onnx"
START_S = 1.0  # from loading the model to the soak, roughly
PROTOCOL: dict[str, float] = {
    "warmup_calls": 10,
    "warmup_seconds": 0.5,
    "warmup_cap_seconds": 5.0,
    "block_tolerance": 0.02,
    "block_calls": 10,
    "block_seconds": 0.25,
    "latency_calls": 1,
    "latency_seconds": 0.0,
    "cap_seconds": 1.0,
}


def _soak(target: Target, sha256: str, seconds: float, slower_after: float | None) -> Sustained:
    knobs = {"threads": 1} if slower_after is None else {"threads": 1, "slower_after": slower_after}
    job: dict[str, Any] = {
        "runtime": "onnxruntime" if slower_after is None else "Slowing",
        "model": sha256,
        "data": None,
        "knobs": knobs,
        "batch": 8,
        "seed": 0,
        "scores": None,
        "evaluate": "no",
        "tolerance": 0.0,
        "protocol": PROTOCOL,
        "limits": {"time_s": seconds + 120, "memory_mib": 4000.0},
        "key": {},
        "soak": {"seconds": seconds, "mark_s": seconds / 600, "look_s": 0.25, "keep": 5_000_000},
    }
    reply = target.run(job, {})
    target.acknowledge(reply.body["job"])
    return judge(SoakSeries.of(reply), None, 8, None)


def main() -> None:
    """Soak, judge, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soaks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT / "tests" / "agent")  # where the runtime that slows down lies
    known = {**places("autoedge.runtimes"), "Slowing": "bad_runtimes:Slowing"}
    sha256 = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    counts: dict[str, dict[str, int]] = {"flat": {}, "slowed": {}}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        with LocalTarget(known, blobs=place / "blobs", jobs=place / "jobs") as target:
            target.send_files({sha256: MODEL})
            for number in range(options.soaks):
                for kind, after in (("flat", None), ("slowed", START_S + options.seconds / 2)):
                    found = _soak(target, sha256, options.seconds, after)
                    counts[kind][found.behaviour] = counts[kind].get(found.behaviour, 0) + 1
                    level = f"{found.slowdown.share:+.1%} found={found.slowdown.found}"
                    busy = ", ".join("unknown" if share is None else f"{share:.0%}" for share in found.others)
                    print(f"{number} {kind}: {found.behaviour}, level {level}, other work {busy}", flush=True)
    for kind, words in counts.items():
        print(f"{kind}: {words}", flush=True)


if __name__ == "__main__":
    main()

"""When a measurement that is looked on is told to stop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autoedge.agent.frames import Frame
from autoedge.agent.looks import EVALUATE, EVALUATION, FIRST_BLOCK, GO, STOP, WINDOW
from autoedge.bench.energy_estimate import PowerModel
from autoedge.bench.onlooker import Onlooker
from autoedge.bench.sight import Sight
from autoedge.measurement import Value

KEY = {"batch": 1, "rate": None, "battery_wh": None, "size_bytes": 2**20, "cores": 2}
SAMPLES = 10
KNOWN = {"accuracy": Value.exact(0.5, "share")}


class _Judge:
    """Has an opinion once told to."""

    def __init__(self) -> None:
        self.reason = ""

    def expected(self, *_: Any, **__: Any) -> Sight:
        return Sight()

    def why_broken(self, _: Sight) -> str:
        return ""

    def why_dominated(self, _: Sight) -> str:
        return self.reason


def _onlooker(judge: _Judge, *, known: Any = None, metered: bool = False) -> Onlooker:
    quality: Any = SimpleNamespace(samples=SAMPLES, outlook=lambda *_: {})
    power = None if metered else PowerModel.generic("x86_64", None)
    return Onlooker(
        judge, key=KEY, power=power, quality=quality, reference_file=None, known=known or {}, evaluates=True
    )


def _calls(name: str) -> Frame:
    body = {"cold_start_ns": 5e6, "memory_peak_mib": 60.0, "memory_empty_mib": 40.0, "window_ns": 1e9, "cpu_s": 0.5}
    return Frame({**body, "name": name}, {"calls_ns": np.full(20, 2_000_000)})


def _outputs(samples: int, evaluated: str = "part") -> Frame:
    return Frame({"name": EVALUATION, "evaluated": evaluated}, {"scores": np.zeros((samples, 3), np.float32)})


FIRST, TIMED = _calls(FIRST_BLOCK), _calls(WINDOW)


@pytest.mark.parametrize(
    ("before", "last", "options", "answer"),
    [
        ([], FIRST, {}, STOP),
        ([FIRST], TIMED, {}, STOP),  # the evaluation is spared
        ([FIRST], TIMED, {"known": KNOWN}, GO),  # a probe takes no time
        ([FIRST, _outputs(SAMPLES)], TIMED, {}, GO),  # nothing is left
        ([FIRST, _outputs(SAMPLES)], TIMED, {"metered": True}, STOP),  # the energy windows are spared
        ([FIRST], _outputs(SAMPLES), {}, STOP),  # evaluated early: warm-up and window are spared
        ([FIRST], _outputs(0, "probe"), {"known": KNOWN}, STOP),
        ([FIRST, TIMED], _outputs(SAMPLES - 1), {}, STOP),
        ([FIRST, TIMED], _outputs(SAMPLES), {}, GO),
        ([FIRST, TIMED], _outputs(0, "probe"), {"known": KNOWN}, GO),
    ],
)
def test_a_stop_spares_something(before: list[Frame], last: Frame, options: dict[str, Any], answer: str) -> None:
    """What is all but measured is measured to its end, however little it promises by then."""
    judge = _Judge()
    onlooker = _onlooker(judge, **options)
    for look in before:
        assert onlooker(look) in (GO, EVALUATE)
    judge.reason = "surely dominated by rival"
    assert onlooker(last) == answer
    assert bool(onlooker.reason) == (answer == STOP)


def test_outputs_that_decide_come_first() -> None:
    """Where the worst outputs there are would be the end of a candidate, they are asked for after the first block."""
    judge = _Judge()
    judge.why_dominated = lambda sight: "surely" if "accuracy" in sight.alone else ""  # type: ignore[method-assign]
    assert _onlooker(judge)(FIRST) == EVALUATE
    assert _onlooker(_Judge())(FIRST) == GO


def test_nonsense_stops_nothing() -> None:
    """A look that makes no sense is answered with go."""
    judge = _Judge()
    judge.reason = "surely dominated by rival"
    assert _onlooker(judge)(Frame({"name": FIRST_BLOCK}, {})) == GO
    assert _onlooker(judge)(_outputs(SAMPLES + 1)) == GO

"""What a device says, checked where it comes in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autoedge.agent.frames import NONSENSE, Frame
from autoedge.agent.looks import FIRST_BLOCK
from autoedge.targets.described import device_from, jobs_from, look_from, reading_from, reply_from

GOOD = {
    "machine": "0123456789abcdef",
    "arch": "aarch64",
    "cpu": "Cortex-A76",
    "cores": 4,
    "physical_cores": 4,
    "memory_mib": 8000,
    "os": "Linux 6.6",
    "python": "3.11.2",
    "runtimes": {"onnxruntime": "1.20.0"},
}
JOB = "0123456789abcdef"
DONE = {
    "marks": [{"name": "energy", "start_ns": 5, "end_ns": 6, "calls": 1}],
    "runtime_version": "1",
    "steady": True,
    "cold_start_ns": 1000,
    "memory_peak_mib": 20.5,
    "memory_empty_mib": 10.0,
    "window_ns": 1000,
    "cpu_s": 0.1,
    "machine_busy_s": -0.01,
    "soak": {"cpu_s": 1.0, "calls": 3},
    "placement": {"openvino": 12, "cpu": 3},
}
BODY = {
    "job": JOB,
    "key": {"candidate": "c"},
    "done": DONE,
    "started": 1.7e9,
    "duration_s": 3.5,
    "conditions": {"before": {"thermal": {"zones": [{"temp_c": -40.0}]}}, "changes": ["throttled"]},
    "traces": [],
}
ARRAYS = {"latency_ns": np.arange(3), "scores": np.zeros((3, 2), np.float32)}


def test_a_described_device() -> None:
    """A sound description becomes a device; a runtime that was not asked for is not believed."""
    device = device_from({**GOOD, "runtimes": {"onnxruntime": "1", "other": "2"}}, {"onnxruntime": "x"})
    assert device.runtimes == {"onnxruntime": "1"}
    assert device_from({**GOOD, "cpu": "a\x1bb"}, {}).cpu == "a\\x1bb"


def test_what_runtimes_offer() -> None:
    """Offers of installed runtimes are kept with their reasons, escaped and cut; an agent that tells none has none."""
    said = {"device": {"CPU": "", "GPU.0": "no\x1bdriver" + "x" * 500}}
    device = device_from({**GOOD, "offers": {"onnxruntime": said, "other": said}}, {"onnxruntime": "x", "other": "x"})
    assert device.offers.keys() == {"onnxruntime"}
    levels = device.offers["onnxruntime"]["device"]
    assert levels["CPU"] == ""
    assert levels["GPU.0"].startswith("no\\x1bdriver")
    assert len(levels["GPU.0"]) < 250
    assert device_from(GOOD, {"onnxruntime": "x"}).offers == {}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cores": "4"}, "cores is a whole number from 1 to 65536, but says '4'"),
        ({"cores": 0}, "cores is a whole number"),
        ({"cores": True}, "cores is a whole number"),
        ({"physical_cores": 10**9}, "physical_cores is a whole number"),
        ({"memory_mib": 10**400}, "memory_mib is a whole number"),
        ({"machine": "../../etc"}, "machine is no hash"),
        ({"arch": None}, "arch: a text is expected"),
        ({"runtimes": 3}, "runtimes: a mapping is expected"),
        ({"runtimes": {"onnxruntime": 3}}, "onnxruntime: a text is expected"),
        ({"offers": []}, "offers: a mapping is expected"),
        ({"offers": {"onnxruntime": "all"}}, "knobs: a mapping is expected"),
        ({"offers": {"onnxruntime": {"device": ["CPU"]}}}, "levels: a mapping is expected"),
        ({"offers": {"onnxruntime": {"device": {"CPU": None}}}}, "CPU: a text is expected"),
        ({"offers": {"onnxruntime": {"de\x1bvice": {}}}}, "knobs: at most 64 names"),
        ({"offers": {"onnxruntime": {"device": {str(i): "" for i in range(65)}}}}, "levels: at most 64 names"),
    ],
)
def test_a_device_that_describes_itself_wrongly(wrong: dict[str, object], said: str) -> None:
    """Values of another kind or beyond any machine are refused, so that nothing behind has to expect them."""
    with pytest.raises(NONSENSE, match=said):
        device_from({**GOOD, **wrong}, {"onnxruntime": "x"})


@pytest.mark.parametrize("said", [{}, [], None])
def test_a_device_that_describes_nothing(said: Any) -> None:
    """What is no description is refused; a missing member is named."""
    with pytest.raises(NONSENSE, match="machine" if said == {} else "a mapping is expected"):
        device_from(said, {})


@pytest.mark.parametrize("reading", [10**400, 2**63, "5", None, True, float("nan")])
def test_a_clock_that_no_clock_shows(reading: Any) -> None:
    """A reading of the monotonic clock is a whole number of ns in 64 bits."""
    assert reading_from(-(2**62)) == -(2**62)
    with pytest.raises(ValueError, match="whole number"):
        reading_from(reading)


@pytest.mark.parametrize("listed", [5, None, "abcdef0123", [5], ["../../x"], [JOB] * 10_000, [["a"]]])
def test_a_list_of_jobs_that_is_none(listed: Any) -> None:
    """Replies that wait are listed by their ids, a bearable number of them."""
    assert jobs_from([JOB]) == [JOB]
    with pytest.raises(NONSENSE, match=r"ids|list|string"):
        jobs_from(listed)


def test_a_sound_reply_stays_as_it_is() -> None:
    """Nothing of a reply that an agent gives is changed; counters of the machine may step back a little."""
    assert reply_from(Frame(BODY, ARRAYS), JOB) == Frame(BODY, ARRAYS)
    failed = {name: value for name, value in BODY.items() if name != "done"} | {"failed": "no", "traceback": "x\ny"}
    assert reply_from(Frame(failed, {}), JOB) == Frame(failed, {})
    stopped = {name: value for name, value in BODY.items() if name != "done"} | {"stopped": FIRST_BLOCK}
    assert reply_from(Frame(stopped, {}), JOB) == Frame(stopped, {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"job": "f" * 16},
        {"started": "yesterday"},
        {"started": float("nan")},
        {"started": 10**400},
        {"duration_s": float("inf")},
        {"duration_s": -1.0},
        {"conditions": 7},
        {"conditions": {"changes": "\x1b[2J"}},
        {"conditions": {"changes": [["x"]]}},
        {"conditions": {"changes": ["\x1b[2J"]}},
        {"conditions": {"looks": [{"time_ns": 10**400}]}},
        {"traces": 5},
        {"done": None},
        {"done": {**DONE, "memory_peak_mib": -5}},
        {"done": {**DONE, "memory_peak_mib": float("nan")}},
        {"done": {**DONE, "cold_start_ns": 10**400}},
        {"done": {**DONE, "soak": {"cpu_s": float("nan")}}},
        {"done": {**DONE, "marks": [{"calls": -1}]}},
        {"done": {**DONE, "placement": ["cpu"]}},
        {"done": {**DONE, "placement": {"cpu": "many"}}},
        {"done": {**DONE, "placement": {"cpu": 1.5}}},
        {"done": {**DONE, "placement": {"\x1b[2J": 1}}},
        {"done": {**DONE, "machine_busy_s": float("-inf")}},
        {"failed": ["x"]},
        {"failed": "x", "traceback": [1]},
    ],
)
def test_a_reply_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    """Figures are finite, within bounds and not negative, and each part is of its kind."""
    with pytest.raises(NONSENSE):
        reply_from(Frame({**BODY, **wrong}, ARRAYS), JOB)


@pytest.mark.parametrize(
    "wrong",
    [
        {"latency_ns": np.array([5, -1])},
        {"latency_ns": np.array([[5, 1]])},
        {"latency_ns": np.array([5.0, np.nan])},
        {"soak_ns": np.array([-1])},
    ],
)
def test_durations_are_whole_and_not_negative(wrong: dict[str, Any]) -> None:
    """Calls take time; without their durations a reply is none."""
    with pytest.raises(ValueError, match="_ns"):
        reply_from(Frame(BODY, {**ARRAYS, **wrong}), JOB)
    with pytest.raises(NONSENSE):
        reply_from(Frame(BODY, {}), JOB)


def test_what_does_not_belong_to_a_reply_is_left_out() -> None:
    """A device adds nothing to what the host keeps of a measurement, neither to the reply nor to its figures."""
    more = {"processes": -5, "scores": "/etc/passwd", "systematic": {"latency_p50_ms": 1.0}}
    said = Frame({**BODY, "details": more, "done": {**DONE, **more}}, ARRAYS)
    assert reply_from(said, JOB) == Frame(BODY, ARRAYS)


LOOK = {"name": FIRST_BLOCK, "cold_start_ns": 1000, "memory_peak_mib": 20.5, "window_ns": 1000, "machine_busy_s": -0.01}


def test_a_sound_look_stays_as_it_is() -> None:
    """Nothing of a look that an agent shows is changed, but for what nobody knows, which is left out."""
    calls = {"calls_ns": np.arange(3)}
    assert look_from(Frame({"look": LOOK}, calls)) == Frame(LOOK, calls)
    assert look_from(Frame({"look": {**LOOK, "why": "x"}}, calls)) == Frame(LOOK, calls)


@pytest.mark.parametrize(
    ("look", "arrays"),
    [
        (None, {}),
        ([], {}),
        ({"cold_start_ns": 5}, {}),
        ({**LOOK, "name": "another"}, {}),
        ({**LOOK, "name": ["first block"]}, {}),
        ({**LOOK, "cold_start_ns": -1}, {}),
        ({**LOOK, "cold_start_ns": float("nan")}, {}),
        (LOOK, {"calls_ns": np.array([-1])}),
        (LOOK, {"calls_ns": np.array([0.5])}),
        (LOOK, {"calls_ns": np.zeros((2, 2), np.int64)}),
    ],
)
def test_a_look_that_makes_no_sense(look: Any, arrays: Any) -> None:
    """A look of an unknown name, with impossible figures or series of another kind is refused."""
    with pytest.raises(NONSENSE):
        look_from(Frame({"look": look}, arrays))

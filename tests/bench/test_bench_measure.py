"""The bench with a real agent on this machine: every measurement is a row, once, with figures or a reason."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from autoedge.agent.frames import Frame
from autoedge.bench.bench import Bench
from autoedge.candidate import Candidate, Configuration
from autoedge.errors import ModelError, TargetError
from autoedge.intent.resolved import Limits
from autoedge.measurement import Phase, Protocol, Source, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autoedge.bench.task import Task
    from autoedge.store.store import Store
    from autoedge.targets.local import LocalTarget

    MakeTask = Callable[..., Task]
    Ready = Callable[..., Bench]

SAMPLES, CLASSES = 90, 3


@pytest.fixture
def ready(
    *,
    store: Store,
    tmp_path: Path,
    target: LocalTarget,
    make_task: MakeTask,
    model_file: Callable[..., Any],
    protocol: Protocol,
) -> Ready:
    """A bench over three models: a linear one, another, and one that gives NaN; its task with other fields."""
    files = {
        "linear": model_file("linear", 0),
        "other": model_file("other", 7),
        "broken": model_file("broken", 0, float("nan")),
        "unsent": model_file("unsent", 3),
    }

    def variant(configuration: Configuration) -> Any:
        if configuration.recipe["precision"] != "fp32":
            raise ModelError(f"{configuration.model}.onnx: it cannot be {configuration.recipe['precision']}")
        return files[configuration.model]

    def made(limits: Limits | None = None, **changes: Any) -> Bench:
        return Bench(
            store=store,
            folder=tmp_path,
            task=make_task(**changes),
            protocol=protocol,
            limits=limits or Limits(30.0, 2000.0),
            targets={"local": target},
            variant_of=variant,
            variant_key=lambda configuration: f"key of {configuration.model}",
        )

    return made


def _candidate(model: str = "linear", precision: str = "fp32", **knobs: Any) -> Candidate:
    merged = {"batch": 1, "threads": 1, "graph_level": "all", "arena": "on", **knobs}
    return Candidate(Configuration(model, {"precision": precision}, "onnxruntime", merged), "local")


def _search(bench: Bench, candidate: Candidate, replicate: int = 0) -> Any:
    measurement = bench.measure(candidate, Phase.SEARCH, replicate, "")
    assert measurement is not None
    return measurement


# -- rows ----------------------------------------------------------------------------------------------------------


def test_a_measurement_is_a_row_with_everything(
    *,
    ready: Ready,
    store: Store,
    target: LocalTarget,
    tmp_path: Path,
    model_file: Callable[..., Any],
    protocol: Protocol,
) -> None:
    """What was measured is stored with its conditions, figures, details and raw samples, and the target forgets it."""
    phases: list[str] = []
    measurement = ready(rate=100.0, battery_wh=5.0).measure(_candidate(batch=4), Phase.BASELINE, 2, "s", phases.append)
    assert measurement is not None
    assert store.measurements() == [measurement]
    assert store.candidates() == {_candidate(batch=4).candidate_id: _candidate(batch=4)}
    assert (measurement.status, measurement.reason) == (Status.OK, "")
    assert (measurement.phase, measurement.replicate, measurement.session) == (Phase.BASELINE, 2, "s")
    assert target.device is not None
    assert measurement.fingerprint == target.device.fingerprint
    assert measurement.runtime_version == target.device.runtimes["onnxruntime"]
    assert measurement.variant_hash == model_file("linear", 0).sha256
    assert len(measurement.data_hash) == 64
    assert measurement.protocol_id == protocol.protocol_id
    metrics = measurement.metrics
    assert {key for key, value in metrics.items() if value.source is Source.ESTIMATED} == {
        "energy_mj",
        "energy_net_mj",
        "power_w",
        "battery_life_h",
    }
    assert {"latency_p50_ms", "latency_p90_ms", "throughput_ips", "cold_start_ms", "accuracy", "f1_macro"} < set(
        metrics
    )
    assert metrics["size_mib"].value == model_file("linear", 0).size_bytes / 2**20
    assert metrics["latency_p50_ms"].value > 30  # three more items arrive at 100 / s
    details = measurement.details
    assert (details["evaluated"], details["calls"], details["fill_ms"]) == ("full", 64, 30)
    assert measurement.variant_key == "key of linear"
    with np.load(tmp_path / measurement.raw) as raw:
        assert len(raw["latency_ns"]) == 64
        assert (raw["latency_ns"] > 0).all()
    assert phases == ["runtime", "cold start", "warm-up", "latency", "evaluation"]
    assert list(target.unclaimed()) == []


def test_accuracy_is_that_of_the_model(ready: Ready, make_task: MakeTask, data: Path) -> None:
    """The stored accuracy is what numpy says of the same weights."""
    weights = np.random.default_rng(7).standard_normal((4, CLASSES)).astype(np.float32)
    with np.load(data) as arrays:
        right = float(((arrays["x"] @ weights).argmax(axis=1) == make_task().labels).mean())
    assert _search(ready(), _candidate("other", batch=7)).metrics["accuracy"].value == pytest.approx(right)


def test_without_data_quality_is_absent(ready: Ready) -> None:
    """Inputs are generated, nothing is evaluated, and the rest is measured all the same."""
    measurement = _search(ready(data=None, data_hash="", labels=None, scores={}), _candidate())
    assert measurement.ok
    assert not {"accuracy", "f1_macro", "agreement"} & set(measurement.metrics)
    assert "scores" not in measurement.details
    assert "latency_p50_ms" in measurement.metrics


def test_without_labels_candidates_agree_with_the_reference(ready: Ready, data: Path) -> None:
    """The reference's baseline is what others agree with; before it nothing can be said."""
    bench = ready(labels=None)
    early = _search(bench, _candidate("other"))
    assert "agreement" not in early.metrics
    reference = bench.measure(_candidate("linear"), Phase.BASELINE, 0, "")
    assert reference is not None
    assert reference.metrics["agreement"].value == 1
    with np.load(data) as arrays:
        answers = [
            (arrays["x"] @ np.random.default_rng(seed).standard_normal((4, CLASSES)).astype(np.float32)).argmax(axis=1)
            for seed in (0, 7)
        ]
    late = _search(bench, _candidate("other", batch=2))
    assert late.metrics["agreement"].value == pytest.approx((answers[0] == answers[1]).mean())


# -- failures ------------------------------------------------------------------------------------------------------


def test_a_model_that_gives_nan_is_a_failed_row(ready: Ready, store: Store, target: LocalTarget) -> None:
    """NaN outputs have a reason, no figures, and do not end the run."""
    bench = ready()
    failed = _search(bench, _candidate("broken"))
    assert failed.status is Status.FAILED
    assert "NaN or infinite scores" in failed.reason
    assert failed.metrics == {}
    assert _search(bench, _candidate("linear")).ok
    assert [row.status for row in store.measurements()] == [Status.FAILED, Status.OK]
    assert list(target.unclaimed()) == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [(np.full(SAMPLES, 5), "labels lie in 0 to 2, one per column of the scores"), (np.zeros(7, int), "7 labels")],
)
def test_labels_that_do_not_fit_are_a_failed_row(ready: Ready, labels: np.ndarray[Any, Any], said: str) -> None:
    """A class that the model does not know, or too few labels, is told with the rule."""
    failed = _search(ready(labels=labels), _candidate())
    assert failed.status is Status.FAILED
    assert said in failed.reason


def test_a_variant_that_cannot_be_made_costs_no_process(ready: Ready, store: Store) -> None:
    """The converter's reason becomes a row that counts as no process."""
    failed = _search(ready(), _candidate(precision="fp16"))
    assert (failed.status, failed.reason) == (Status.FAILED, "linear.onnx: it cannot be fp16")
    assert failed.details["processes"] == 0
    assert failed.variant_hash == ""
    assert store.measurements() == [failed]


def test_what_takes_too_long_is_a_failed_row(ready: Ready) -> None:
    """The user's time limit ends a process and says so."""
    failed = _search(ready(limits=Limits(0.01, None)), _candidate())
    assert failed.status is Status.FAILED
    assert "took longer than 0.01 s (limits.time)" in failed.reason


def test_a_wrong_knob_is_a_failed_row(ready: Ready) -> None:
    """What the runtime refuses comes back as its reason."""
    failed = _search(ready(), _candidate(graph_level="no such level"))
    assert failed.status is Status.FAILED
    assert "no such level" in failed.reason


def _kill_agent(target: LocalTarget) -> None:
    assert target._link is not None
    pid = target._link._process.pid
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)


def test_an_agent_that_dies_costs_one_measurement(ready: Ready, store: Store, target: LocalTarget) -> None:
    """An agent killed between two measurements fails the next one at most; then a new one goes on."""
    bench = ready()
    assert _search(bench, _candidate()).ok
    _kill_agent(target)
    for replicate in (1, 2):
        last = _search(bench, _candidate("unsent"), replicate)
    assert last.ok
    assert len(store.measurements()) == 3


def test_an_agent_killed_while_it_measures_is_a_failed_row(ready: Ready, target: LocalTarget) -> None:
    """The row says that the target was lost, and the next measurement works."""
    bench = ready()
    lost = bench.measure(
        _candidate(), Phase.SEARCH, 0, "", lambda phase: _kill_agent(target) if phase == "cold start" else None
    )
    assert lost is not None
    assert lost.status is Status.FAILED
    assert "target 'local'" in lost.reason
    assert _search(bench, _candidate(), 1).ok


def test_a_cancelled_measurement_leaves_nothing(ready: Ready, store: Store, target: LocalTarget) -> None:
    """Cancelled from another thread, a measurement is no row and no reply; it can be made again."""
    bench = ready()

    def cancel(phase: str) -> None:
        if phase == "cold start":
            thread = threading.Thread(target=target.cancel)
            thread.start()
            thread.join()

    assert bench.measure(_candidate(), Phase.SEARCH, 0, "", cancel) is None
    assert store.measurements() == []
    assert list(target.unclaimed()) == []
    assert _search(bench, _candidate()).ok


# -- outputs are evaluated once ------------------------------------------------------------------------------------


def test_accuracy_is_reused_after_a_probe(ready: Ready) -> None:
    """Another batch and more threads give the same outputs on a probe, and so share accuracy and file."""
    bench = ready()
    first = _search(bench, _candidate())
    other = _search(bench, _candidate(batch=16, threads=2, execution="parallel", spinning="off"))
    assert (first.details["evaluated"], other.details["evaluated"]) == ("full", "probe")
    assert other.details["scores"] == first.details["scores"]
    for key in ("accuracy", "f1_macro"):
        assert other.metrics[key] == first.metrics[key]


def test_another_graph_level_is_evaluated_anew(ready: Ready) -> None:
    """What may change outputs is evaluated in full, and kept in a file of its own."""
    bench = ready()
    first = _search(bench, _candidate())
    other = _search(bench, _candidate(graph_level="basic"))
    assert other.details["evaluated"] == "full"
    assert other.details["scores"] != first.details["scores"]


def test_outputs_that_differ_are_evaluated_in_full(ready: Ready, store: Store, tmp_path: Path) -> None:
    """Where the probe disagrees with what is stored, the candidate has its own outputs and its own accuracy."""
    bench = ready()
    first = _search(bench, _candidate())
    with np.load(tmp_path / first.details["scores"]) as archive:
        wrong = -archive["scores"]
    np.savez_compressed(tmp_path / first.details["scores"], scores=wrong)
    other = _search(ready(), _candidate(batch=2))
    assert other.details["evaluated"] == "full"
    assert other.details["scores"] != first.details["scores"]
    assert other.metrics["accuracy"] == first.metrics["accuracy"]
    assert len(store.measurements()) == 2


def test_lost_outputs_are_measured_again(ready: Ready, tmp_path: Path) -> None:
    """A file of outputs that is gone is made anew by the next measurement, and probes work again."""
    first = _search(ready(), _candidate())
    (tmp_path / first.details["scores"]).unlink()
    again = [_search(ready(), _candidate(batch=batch)) for batch in (2, 3)]
    assert [row.details["evaluated"] for row in again] == ["full", "probe"]
    assert {row.metrics["accuracy"] for row in [first, *again]} == {first.metrics["accuracy"]}


def test_a_probe_without_calls(ready: Ready, target: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that made no call of a candidate has not tried it."""
    done = {"done": {}, "job": "0" * 32}
    monkeypatch.setattr(target, "run", lambda *_: Frame(done, {"latency_ns": np.empty(0, np.int64)}))
    with pytest.raises(TargetError, match="target 'local': made no call"):
        ready().try_once(_candidate(), {})


# -- what finished while nobody listened ---------------------------------------------------------------------------


def _finish_unheard(bench: Bench, target: LocalTarget, candidate: Candidate) -> str:
    """A measurement that the agent finished and whose host died before it stored it; its job."""
    variant = bench._variant_of(candidate.configuration)
    bench._send(target, variant)
    key = bench._key(candidate, Phase.SEARCH, 0, "", variant)
    reply = target.run(bench._job(candidate, variant, key, "full", target), {})
    return str(reply.body["job"])


def test_what_finished_unheard_is_claimed_once(ready: Ready, store: Store, target: LocalTarget) -> None:
    """A reply left on the target becomes one row, as if it had been heard; a second claim finds nothing."""
    job = _finish_unheard(ready(), target, _candidate())
    assert store.measurements() == []
    (claimed,) = ready().claim(target)
    assert claimed.ok
    assert claimed.raw == f"raw/{job}.npz"
    assert "accuracy" in claimed.metrics
    assert store.measurements() == [claimed]
    assert ready().claim(target) == []
    assert len(store.measurements()) == 1
    assert _search(ready(), _candidate(batch=2)).details["evaluated"] == "probe"


def test_what_was_stored_and_not_acknowledged_is_no_second_row(ready: Ready, store: Store, target: LocalTarget) -> None:
    """A host killed between storing and acknowledging finds its reply again and stores nothing twice."""
    _finish_unheard(ready(), target, _candidate())
    (reply,) = target.unclaimed()
    ready()._records.reply(reply)
    (row,) = store.measurements()
    ready().claim(target)
    assert store.measurements() == [row]
    assert list(target.unclaimed()) == []


def test_what_was_measured_for_another_intent_waits(ready: Ready, store: Store, target: LocalTarget) -> None:
    """A reply under other data is left where it is until an intent with those data comes again."""
    _finish_unheard(ready(), target, _candidate())
    other = ready(data_hash="0" * 64)
    assert other.claim(target) == []
    assert store.measurements() == []
    (claimed,) = ready().claim(target)
    assert store.measurements() == [claimed]


class Hostile:
    """A target with one reply, which says what it likes and calls itself what another one is."""

    def __init__(self, target: LocalTarget, body: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> None:
        self.name, self.device = target.name, target.device
        self._reply = Frame(body, arrays)
        self.dropped: list[str] = []

    def unclaimed(self) -> Iterator[Frame]:
        """The reply."""
        yield self._reply

    def acknowledge(self, job: str) -> None:
        """Forget it."""
        self.dropped.append(job)


NONSENSE: list[dict[str, Any]] = [
    {"key": None},
    {"key": {"phase": "later"}},
    {"key": {"replicate": None}},
    {"key": {"configuration": {}}},
    {"key": {"configuration": []}},
    {"key": {"batch": "many"}},
    {"key": {"replicate": 10**400}},
    {"done": {}},
    {"done": None},
]


def test_replies_that_make_no_sense_are_dropped(ready: Ready, store: Store, target: LocalTarget) -> None:
    """Devices are not trusted: no row, no traceback, and the run can go on."""
    job = _finish_unheard(ready(), target, _candidate())
    (reply,) = target.unclaimed()
    for changes in NONSENSE:
        key = changes["key"] and {**reply.body["key"], **changes["key"]} if "key" in changes else reply.body["key"]
        hostile = Hostile(target, {**reply.body, **changes, "key": key}, dict(reply.arrays))
        assert ready().claim(hostile) == []  # type: ignore[arg-type]  # it has all that claim uses
        assert hostile.dropped == [job]
    assert store.measurements() == []
    assert len(ready().claim(target)) == 1


def test_a_device_books_nothing(ready: Ready, target: LocalTarget) -> None:
    """How much a failed measurement costs is for the host to say: a device that says otherwise is not heard."""
    _finish_unheard(ready(), target, _candidate())
    (reply,) = target.unclaimed()
    body = {**reply.body, "failed": "no", "details": {"processes": -5}}
    (row,) = ready().claim(Hostile(target, body, {}))  # type: ignore[arg-type]  # it has all that claim uses
    assert row.status is Status.FAILED
    assert "processes" not in row.details

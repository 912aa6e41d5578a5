"""Verify a bundle against its own record, and run it on data; never by executing anything that it brings along."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from autoedge.deploy.opened import opened
from autoedge.deploy.read import Bundle, caches, read_bundle
from autoedge.deploy.signature import signature_of
from autoedge.deploy.verification import Remeasured, Verification, judge
from autoedge.errors import BundleError, TargetError
from autoedge.measurement import Measurement, Phase
from autoedge.workflows.bundled import BundledModel, check_model, inputs_of
from autoedge.workflows.events import Began, Doing, Measured, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from autoedge.bench.task import Task
    from autoedge.bench.tasks.base import Evaluator
    from autoedge.candidate import Candidate
    from autoedge.device import Device
    from autoedge.measurement import Value
    from autoedge.models.model_inputs import ModelInputs
    from autoedge.targets.base import Target
    from autoedge.workflows.events import Listener

_FEWEST = 2
_LONGEST_S = 3600.0
_MOST_CALLS = 10_000_000
_SHARE_OF_MEMORY = 0.8
# No warm-up and no timed window: only the answers count.
_JUST_RUN = {
    **dict.fromkeys(("warmup_seconds", "warmup_cap_seconds", "block_seconds", "latency_seconds", "cap_seconds"), 0.0),
    **dict.fromkeys(("warmup_calls", "block_calls", "latency_calls"), 1),
    "block_tolerance": 1.0,
}


class _Workplace(NamedTuple):
    """A folder for one visit to a bundle, and an agent on this machine."""

    folder: Path
    target: Target
    device: Device


def verify_bundle(
    path: Path,
    *,
    data: Path | None = None,
    on_event: Listener | None = None,
    processes: int = 6,
    signature: Path | None = None,
) -> Verification:
    """Check a bundle's hashes and signature, measure its model again in fresh processes, compare with its record.

    What is judged and how is said at ``autoedge.deploy.verification.judge``.

    Args:
        path: The bundle's folder or archive.
        data: The evaluation data that its quality was measured on.
        on_event: Told of each measurement.
        processes: How many, at least two; the recorded figures rest on six or more.
        signature: Its file, where it does not lie beside the bundle.

    Raises:
        BundleError: The bundle is altered, incomplete, or of a protocol that this AutoEdge does not measure; or it has
            a signature, and that is of no trusted key, or does not hold.
        ModelError: Its model is broken or hostile.
        DataError: The data cannot be read.
        TargetError: Nothing can be measured here.
    """
    if processes < _FEWEST:
        raise ValueError(f"an interval takes at least {_FEWEST} processes, but got {processes}")
    with opened(path) as bundle:
        signed = signature_of(path, bundle.sha256, signature)
        _check_protocol(bundle)
        task, notes = _task(bundle, data)
        notes += [f"{cache} is no part of the bundle, and run.py would use it: remove it" for cache in caches(bundle)]
        with _workplace(bundle) as workplace:
            rows = _measure(bundle, task, workplace, processes, on_event or silent)
    valid = [row for row in rows if row.ok]
    failures = dict.fromkeys(row.reason for row in rows if not row.ok)
    notes += [f"{len(rows) - len(valid)} of {len(rows)} measurements failed: {reason}" for reason in failures]
    return judge(replace(bundle, folder=path), _remeasured(workplace.device, valid, task), notes, signed)


def run_bundle(folder: Path, data: Path) -> dict[str, np.ndarray]:
    """A bundle's answers for the samples of an npz file, computed by AutoEdge's own agent.

    Returns:
        ``scores`` (samples x classes, float32) and ``classes`` (samples); of other tasks than classification the
        outputs that count by their names, float32.

    Raises:
        BundleError: The bundle is altered or incomplete, names no output with scores, or its model does not run.
        ModelError: Its model is broken or hostile.
        DataError: The data do not fit the model.
        TargetError: The runtime is missing here.
    """
    from autoedge.bench.task import file_hash

    bundle = read_bundle(folder)
    if bundle.scores is None:
        raise BundleError(f"{folder}: names no output with scores; run it with its own run.py")
    given, data = data, _data_file(data)
    inputs = inputs_of(bundle, data, given)
    data_hash = file_hash(data)
    with _workplace(bundle) as workplace:
        workplace.target.send_files({bundle.model_hash: bundle.model, data_hash: data})
        reply = workplace.target.run(_job(bundle, data_hash, workplace.device, inputs), {})
    if "done" not in reply.body:
        reason = reply.body.get("failed", "it was cancelled")
        raise BundleError(f"{folder}: the model did not run: {reason}")
    scores = reply.arrays["scores"]
    if bundle.task != "classification":
        return _named(bundle, scores)
    return {"scores": scores, "classes": scores.argmax(axis=1)}


def _named(bundle: Bundle, outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs by their names; those of a detection lie side by side in a row, four numbers and then one each."""
    if len(bundle.counted) <= 1:
        return {bundle.counted[0] if bundle.counted else str(bundle.scores): outputs}
    things = outputs.reshape(len(outputs), -1, 3 + len(bundle.counted))
    parts = [things[..., :4], *(things[..., at] for at in range(4, things.shape[2]))]
    return dict(zip(bundle.counted, parts, strict=True))


@contextmanager
def _workplace(bundle: Bundle) -> Iterator[_Workplace]:
    """An agent on this machine that can run the bundle's model, for as long as it is needed."""
    from autoedge.registry import places
    from autoedge.targets.local import LocalTarget

    check_model(bundle)
    runtime = bundle.candidate.configuration.runtime
    known = places("autoedge.runtimes")
    with TemporaryDirectory(prefix="autoedge-bundle-") as name:
        place = Path(name)
        with LocalTarget({runtime: known[runtime]}, blobs=place / "blobs", jobs=place / "jobs") as target:
            device = target.device or target.probe()
            if runtime not in device.runtimes:
                raise TargetError(f"{runtime} is not installed here: pip install {runtime}=={bundle.runtime_version}")
            yield _Workplace(place, target, device)


def _check_protocol(bundle: Bundle) -> None:
    """The record must be of a protocol that can be measured here, in reasonable time."""
    from autoedge.bench.presets import VERSION

    protocol, needed = bundle.protocol, _JUST_RUN.keys()
    if protocol.version != VERSION:
        raise BundleError(
            f"{bundle.folder}: was measured by version {protocol.version} of the protocol, but this AutoEdge measures "
            f"by version {VERSION}; verify it with the AutoEdge that built it"
        )
    for name in sorted({*needed, *({"rate"} & protocol.parameters.keys())}):
        number = protocol.parameters.get(name)
        most = _LONGEST_S if name.endswith("_seconds") else _MOST_CALLS
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= most:
            raise BundleError(f"{bundle.folder}: protocol.{name} lies above 0, up to {most:g}, but is {number!r:.40}")


def _data_file(data: Path) -> Path:
    """The one file that holds the samples; of images, their archive."""
    from autoedge.bench.packing import data_file
    from autoedge.models.cache import VariantCache
    from autoedge.workflows.folder import cache_root

    return data_file(data, VariantCache(cache_root()))


def _task(bundle: Bundle, data: Path | None) -> tuple[Task, list[str]]:
    """What to measure on; data other than the recorded ones are left out, and that is said."""
    from autoedge.bench.task import Task, file_hash

    notes: list[str] = []
    evaluator = None
    given, data = data, None if data is None else _data_file(data)
    if data is not None and file_hash(data) != bundle.data_hash:
        notes.append(f"{(given or data).name} is not the file that the bundle was measured on: quality is not checked")
        data = None
    if data is not None:
        evaluator = _evaluator(bundle, data)
    elif bundle.data_hash:
        notes.append("measured on generated inputs: give the evaluation data to use them and to check quality")
    inputs = inputs_of(bundle, data, given)
    task = Task(
        data=data,
        data_hash=bundle.data_hash if data is not None else "",
        labels=None,
        scores={} if bundle.scores is None else {bundle.candidate.configuration.model: bundle.scores},
        rate=_rate(bundle),
        battery_wh=None,
        idle_power={},
        reference="",
        seed=0,
        judged_by=evaluator,
        inputs_of=lambda _: inputs,
        together={bundle.candidate.configuration.model: bundle.counted} if len(bundle.counted) > 1 else {},
    )
    return task, notes


def _evaluator(bundle: Bundle, data: Path) -> Evaluator:
    """What outputs on the recorded data are judged by, as far as bundle and data tell it."""
    from autoedge.bench.task import read_labels
    from autoedge.bench.tasks.base import Withheld
    from autoedge.bench.tasks.classification import Classification
    from autoedge.bench.tasks.embedding import Embedding
    from autoedge.bench.tasks.regression import Regression, read_targets
    from autoedge.preprocessing.data import open_data

    if bundle.task == "classification":
        return Classification(read_labels(open_data(data)), 0, bundle.result.metrics.keys())
    if bundle.task == "regression":
        return Regression(read_targets(open_data(data)), 0)
    if bundle.task == "embedding":
        return Embedding(read_labels(open_data(data)), 0)
    return Withheld(f"a bundle and its data alone do not say how well a {bundle.task} is done")


def _rate(bundle: Bundle) -> float | None:
    rate = bundle.protocol.parameters.get("rate")
    return None if rate is None else float(rate)


def _measure(bundle: Bundle, task: Task, workplace: _Workplace, processes: int, tell: Listener) -> list[Measurement]:
    """Measure as a run does, with a store that nobody keeps."""
    from autoedge.bench.bench import Bench
    from autoedge.candidate import Candidate
    from autoedge.intent.resolved import Limits
    from autoedge.store.store import Store

    place, target, _ = workplace
    candidate = Candidate(bundle.candidate.configuration, target.name)
    model = BundledModel.of(bundle)
    store = Store(place / "measurements.db")
    try:
        bench = Bench(
            store=store,
            folder=place,
            task=task,
            protocol=bundle.protocol,
            limits=Limits(None, None),
            targets={target.name: target},
            variant_of=lambda _: model,
            variant_key=lambda _: model.sha256,
        )
        return list(_replicates(bench.measure, candidate, processes, tell))
    finally:
        store.close()


def _replicates(measure: Any, candidate: Candidate, processes: int, tell: Listener) -> Iterator[Measurement]:
    begun = time.monotonic()
    for replicate in range(processes):
        tell(Began(candidate))
        row = measure(candidate, Phase.CONFIRM, replicate, "verify", lambda doing: tell(Doing(candidate, doing)))
        if row is None:
            raise KeyboardInterrupt
        told = Measured(
            candidate=candidate,
            measurement=row,
            used=replicate + 1,
            budget=processes,
            reserve=0,
            objectives=(),
            seconds=time.monotonic() - begun,
            time_budget_s=None,
            best=None,
        )
        tell(told)
        yield row


def _remeasured(device: Device, valid: list[Measurement], task: Task) -> Remeasured:
    from autoedge.bench.evidence import Evidence, Spread

    figures: Mapping[str, Value] = {}
    if len(valid) >= _FEWEST:
        figures = Evidence(valid[0].candidate_id, valid, Spread({})).result().metrics
    flags = Counter(flag for row in valid for flag in row.flags)
    return Remeasured(device, figures, len(valid), flags, labelled=task.labelled, generated=task.data is None)


def _job(bundle: Bundle, data_hash: str, device: Device, inputs: ModelInputs) -> dict[str, Any]:
    configuration = bundle.candidate.configuration
    taken = inputs.knob_names | {"batch"}
    return {
        "runtime": configuration.runtime,
        "model": bundle.model_hash,
        "data": data_hash,
        "knobs": {name: value for name, value in configuration.knobs.items() if name not in taken},
        "inputs": inputs.forms(configuration.knobs),
        "shapes": inputs.shapes(configuration.knobs, configuration.batch),
        "batch": configuration.batch,
        "seed": 0,
        "scores": list(bundle.counted) if len(bundle.counted) > 1 else bundle.scores,
        "shaped": bundle.task == "custom",
        "evaluate": "full",
        "tolerance": 0.0,
        "protocol": _JUST_RUN,
        "limits": {"time_s": _LONGEST_S, "memory_mib": device.memory_mib * _SHARE_OF_MEMORY},
        "key": {},
    }

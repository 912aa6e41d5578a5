"""Open a run: from an intent and a folder to everything that its stages need."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.bench.bench import Bench
from autoedge.bench.presets import protocol_for
from autoedge.catalog import catalog_folder
from autoedge.device import Device
from autoedge.errors import MeterError, SpaceError, StoreError, TargetError
from autoedge.intent.dump import dump_resolved
from autoedge.measurement import Source
from autoedge.models.cache import VariantCache
from autoedge.registry import places
from autoedge.report.front import write_whole
from autoedge.space.declaration import SpaceFile, read_space_file
from autoedge.space.space import Space
from autoedge.store.store import Store
from autoedge.targets.local import LocalTarget
from autoedge.workflows.events import Note, StageBegan, silent
from autoedge.workflows.folder import RunFolder, cache_root
from autoedge.workflows.prepare import Prepared, prepare
from autoedge.workflows.run import Run
from autoedge.workflows.variants import VariantShelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoedge.intent.resolved import Intent
    from autoedge.targets.base import Target
    from autoedge.workflows.events import Listener

_ENERGY = ("energy", "energy_net", "power", "battery_life")


def space_file(prepared: Prepared) -> SpaceFile:
    """The search space that an intent names, or the shipped one that fits its models.

    Raises:
        SpaceError: There is none.
    """
    wanted = prepared.intent.search.space
    shipped = {file.stem: file for file in sorted(catalog_folder("search_spaces").glob("*.yaml"))}
    if wanted == "default":
        suffixes = {entry.path.suffix for entry in prepared.intent.models}
        fitting = [file for path in shipped.values() if suffixes <= set((file := read_space_file(path)).formats)]
        if not fitting:
            raise SpaceError(f"no shipped search space takes {', '.join(sorted(suffixes))} files; give .onnx models")
        return fitting[0]
    path = shipped.get(wanted) or prepared.intent.path.parent / wanted
    if not path.is_file():
        raise SpaceError(f"search.space: '{wanted}' is neither a file nor one of {', '.join(shipped)}")
    return read_space_file(path)


def require_meters(intent: Intent) -> None:
    """Refuse what only a power meter can decide.

    Raises:
        MeterError: A constraint wants energy measured; no target has a meter.
    """
    for constraint in intent.constraints:
        if constraint.source is Source.MEASURED and constraint.metric.name in _ENERGY:
            raise MeterError(
                f"constraint '{constraint.text}' wants a measured figure, but target 'local' has no power meter; "
                "drop `source: measured` to decide on an estimate (+/- 50 %)"
            )


def local_target(folder: RunFolder, cache: VariantCache) -> LocalTarget:
    """The machine that runs the command, with the cache's files and the run's job folder."""
    jobs = folder.jobs("local")
    return LocalTarget(places("autoedge.runtimes"), blobs=cache.root / "blobs", jobs=jobs)


@contextmanager
def opened_run(intent: Intent, root: Path, listener: Listener = silent) -> Iterator[tuple[Run, dict[str, Target]]]:
    """A run with its folder locked and its target's agent started; everything is closed at the end.

    Raises:
        AutoEdgeError: What is wrong with the intent, its files, the folder or the target.
    """
    require_meters(intent)
    listener(StageBegan("prepare", "looking into models and data"))
    prepared = prepare(intent)
    folder = RunFolder(root)
    with folder.locked():
        write_whole(folder.intent, dump_resolved(intent))
        store = Store(folder.database)
        try:
            cache = VariantCache(cache_root())
            with local_target(folder, cache) as target:
                device = _probed(target)
                store.set_fact("device", asdict(device))
                targets: dict[str, Target] = {target.name: target}
                assemble = partial(
                    _run, prepared=prepared, folder=folder, store=store, cache=cache, device=device, listener=listener
                )
                run = assemble(targets=targets)
                claimed = run.bench.claim(target)
                run = assemble(targets=targets)
                for row in claimed:
                    run.log(run.candidates[row.candidate_id], row)
                    listener(Note(f"a measurement of {row.candidate_id} had finished before the last stop"))
                yield run, targets
        finally:
            store.close()


@contextmanager
def opened_plan(intent: Intent, listener: Listener = silent) -> Iterator[tuple[Run, dict[str, Target]]]:
    """A run in a folder that is thrown away: for looking at the space without leaving a trace."""
    import tempfile

    with (
        tempfile.TemporaryDirectory(prefix="autoedge-plan-") as folder,
        opened_run(intent, Path(folder), listener) as run,
    ):
        yield run


@contextmanager
def reopened_run(root: Path, listener: Listener = silent) -> Iterator[Run]:
    """A stored run as it stands, without its target: nothing can be measured.

    Raises:
        StoreError: The folder holds no run.
    """
    from autoedge.intent.load import load_intent

    folder = RunFolder(root)
    if not folder.database.is_file() or not folder.intent.is_file():
        raise StoreError(f"{root}: holds no run; name a folder that `autoedge select` wrote, such as runs/NAME")
    prepared = prepare(load_intent(folder.intent))
    store = Store(folder.database)
    try:
        device = store.fact("device")
        if device is None:
            raise StoreError(f"{root}: the run has not reached its target yet; run `autoedge select` again")
        cache = VariantCache(cache_root())
        yield _run(
            prepared=prepared,
            folder=folder,
            store=store,
            cache=cache,
            device=Device(**device),
            targets={},
            listener=listener,
        )
    finally:
        store.close()


def _probed(target: LocalTarget) -> Device:
    if target.device is None:
        raise TargetError(f"target '{target.name}' did not say what it is")
    return target.device


def _run(
    *,
    prepared: Prepared,
    folder: RunFolder,
    store: Store,
    cache: VariantCache,
    device: Device,
    targets: dict[str, Target],
    listener: Listener,
) -> Run:
    intent = prepared.intent
    file = space_file(prepared)
    if file.runtime not in device.runtimes:
        raise TargetError(f"target 'local' has no {file.runtime}; pip install {file.runtime}")
    space = Space(file, prepared.facts, device, "local", intent.search.knobs)
    shelf = VariantShelf(prepared, cache)
    metrics = [constraint.metric.name for constraint in prepared.constraints]
    metrics += [metric.name for metric in intent.objectives]
    workload: dict[str, Any] = {"rate": intent.rate, "battery_wh": intent.battery_wh}
    if prepared.task.data is not None and prepared.task.labels is None:
        workload["reference"] = prepared.task.reference_key  # agreement is with it
    workload |= {f"idle_w {target.name}": target.idle_power for target in intent.targets}
    protocol = protocol_for(intent.protocol.preset, intent.protocol.overrides, metrics, workload)
    bench = Bench(
        store=store,
        folder=folder.root,
        task=prepared.task,
        protocol=protocol,
        limits=intent.limits,
        targets=targets,
        variant_of=shelf.variant,
        variant_key=shelf.key,
    )
    return Run(
        prepared=prepared,
        folder=folder,
        store=store,
        space=space,
        protocol=protocol,
        shelf=shelf,
        bench=bench,
        fingerprint=device.fingerprint,
        runtime_version=device.runtimes[file.runtime],
        listener=listener,
    )

"""Open a run: from an intent and a folder to everything that its stages need."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.bench.bench import Bench
from autoedge.bench.power_fit import FittedPower
from autoedge.bench.power_models import calibrated, estimate_for
from autoedge.bench.presets import protocol_for, soak_seconds
from autoedge.catalog import catalog_folder
from autoedge.device import Device
from autoedge.errors import SpaceError, StoreError, TargetError
from autoedge.intent.dump import dump_resolved
from autoedge.meters.spec import MeterSpec
from autoedge.models.cache import VariantCache
from autoedge.space.declaration import SpaceFile, read_space_file
from autoedge.space.space import LeftOut, Space
from autoedge.store.store import Store
from autoedge.targets.declared import LOCAL
from autoedge.whole import write_whole
from autoedge.workflows.connecting import connected, declared_targets
from autoedge.workflows.events import Lost, Note, StageBegan, silent
from autoedge.workflows.folder import RunFolder, cache_root
from autoedge.workflows.metering import meter_notes, metered
from autoedge.workflows.prepare import Prepared, prepare
from autoedge.workflows.run import Run
from autoedge.workflows.site import Site, none_left
from autoedge.workflows.variants import VariantShelf

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.bench.metering import Metering
    from autoedge.intent.resolved import Intent
    from autoedge.measurement import Protocol
    from autoedge.targets.base import Target
    from autoedge.workflows.events import Listener


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


@contextmanager
def opened_run(
    intent: Intent, root: Path, listener: Listener = silent, targets_file: Path | None = None
) -> Iterator[tuple[Run, dict[str, Target]]]:
    """A run with its folder locked and its targets' agents started; everything is closed at the end.

    A target that cannot be reached, or lacks the runtime, is told of and left out; what it gave at earlier starts
    counts all the same.

    Args:
        intent: As loaded.
        root: The run folder.
        listener: Told what happens.
        targets_file: Where targets are declared; by default the user's own file.

    Raises:
        TargetError: No target is left.
        AutoEdgeError: What is wrong with the intent, its files or the folder.
    """
    intent, declarations = declared_targets(intent, targets_file)
    listener(StageBegan("prepare", "looking into models and data"))
    prepared = prepare(intent)
    folder = RunFolder(root)
    with folder.locked():
        write_whole(folder.intent, dump_resolved(intent))
        store = Store(folder.database)
        try:
            cache = VariantCache(cache_root())
            listener(StageBegan("prepare", f"reaching {', '.join(one.name for one in declarations)}"))
            with (
                connected(declarations, folder, cache.root / "blobs") as (targets, unreached),
                metered(intent, targets, declarations) as (meterings, broken),
            ):
                away = unreached | broken
                found = {name: target.device for name, target in targets.items() if target.device is not None}
                devices = stored_devices(store) | found
                store.set_fact("devices", {name: asdict(device) for name, device in devices.items()})
                specs = {name: metering.spec.to_json() for name, metering in meterings.items()}
                _set_by_target(store, "meters", specs, away)
                bare = {name: calibrated(device) for name, device in found.items() if name not in specs}
                _set_by_target(store, "power models", {name: m.to_json() for name, m in bare.items() if m}, away)
                parts = _Parts(prepared, folder, store, cache, listener, meterings)
                run = parts.run(devices, away, targets)
                if not run.reachable:
                    raise none_left(run.away)
                store.set_fact("away", run.away)
                for name, reason in run.away.items():
                    listener(Lost(name, reason))
                estimates = {name: parts.estimate(name, device) for name, device in devices.items()}
                for note in meter_notes(intent, run.reachable, parts.specs, estimates):
                    listener(note)
                _claim(run, targets)
                run = parts.run(devices, run.away, targets)
                _remember(run)
                yield run, {name: target for name, target in targets.items() if name not in run.away}
        finally:
            store.close()


def _set_by_target(store: Store, name: str, found: Mapping[str, Any], away: Collection[str]) -> None:
    """Keep a fact of each target; what one that is away was measured with stays, so that its rows stay in force."""
    kept = {target: fact for target, fact in (store.fact(name) or {}).items() if target in away}
    store.set_fact(name, {**kept, **found})


def _remember(run: Run) -> None:
    """Keep what a reader of the store alone cannot know: the models' features, objectives and protocols."""
    features = {facts.name: dict(facts.features) for facts in run.prepared.facts}
    protocols = {site.protocol.protocol_id: dict(site.protocol.parameters) for site in run.sites.values()}
    run.store.set_fact("models", (run.store.fact("models") or {}) | features)
    run.store.set_fact("objectives", [metric.key for metric in run.intent.objectives])
    run.store.set_fact("protocols", (run.store.fact("protocols") or {}) | protocols)


def _claim(run: Run, targets: Mapping[str, Target]) -> None:
    """Store what finished on the targets while nobody was there to take it."""
    for name in run.reachable:
        try:
            claimed = run.sites[name].bench.claim(targets[name])
        except TargetError as error:
            run.lose(name, error)
            continue
        known = run.store.candidates()
        for row in claimed:
            run.log(known[row.candidate_id], row)
            run.tell(Note(f"a measurement of {row.candidate_id} had finished before the last stop"))


@contextmanager
def opened_plan(
    intent: Intent, listener: Listener = silent, targets_file: Path | None = None
) -> Iterator[tuple[Run, dict[str, Target]]]:
    """A run in a folder that is thrown away: for looking at the space without leaving a trace."""
    import tempfile

    with (
        tempfile.TemporaryDirectory(prefix="autoedge-plan-") as folder,
        opened_run(intent, Path(folder), listener, targets_file) as run,
    ):
        yield run


@contextmanager
def reopened_run(root: Path, listener: Listener = silent) -> Iterator[Run]:
    """A stored run as it stands, without its targets: nothing can be measured.

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
        devices = stored_devices(store)
        if not devices:
            raise StoreError(f"{root}: the run has not reached its target yet; run `autoedge select` again")
        parts = _Parts(prepared, folder, store, VariantCache(cache_root()), listener, {})
        yield parts.run(devices, store.fact("away") or {}, {})
    finally:
        store.close()


def stored_devices(store: Store) -> dict[str, Device]:
    """By target, what earlier starts found there; runs of the first release knew one target, ``local``."""
    one = store.fact("device")
    stored = store.fact("devices") or ({} if one is None else {LOCAL: one})
    return {name: Device(**facts) for name, facts in stored.items()}


@dataclass(frozen=True)
class _Parts:
    """What a run is put together from, but for its targets."""

    prepared: Prepared
    folder: RunFolder
    store: Store
    cache: VariantCache
    listener: Listener
    meterings: Mapping[str, Metering]

    @property
    def specs(self) -> dict[str, MeterSpec]:
        """By target, the meter that its rows are measured with."""
        return {name: MeterSpec.from_json(form) for name, form in (self.store.fact("meters") or {}).items()}

    def estimate(self, target: str, device: Device) -> PowerEstimate:
        """What a target's power is estimated with while it has no meter."""
        form = (self.store.fact("power models") or {}).get(target)
        fitted = None if form is None else FittedPower.from_json(form)
        return estimate_for(device, self.prepared.task.idle_power.get(target), fitted)

    def run(self, devices: Mapping[str, Device], away: Mapping[str, str], targets: Mapping[str, Target]) -> Run:
        """The run on the targets of its intent.

        Args:
            devices: By target, what is known of it; others are left out.
            away: By target, why it cannot be reached.
            targets: Those that can.

        Raises:
            TargetError: No target is left.
            SpaceError: No candidate is left.
        """
        file = space_file(self.prepared)
        away = dict(away)
        names = [entry.name for entry in self.prepared.intent.targets]
        usable = {name: devices[name] for name in names if name in devices and file.runtime in devices[name].runtimes}
        for name in names:
            if name in devices and name not in usable and name not in away:
                advice = f"`autoedge targets setup {name}` installs it on a device, pip on this machine"
                away[name] = f"target '{name}' has no {file.runtime}; {advice}"
        if not usable:
            raise none_left(away)
        space = Space(file, self.prepared.facts, usable, self.prepared.intent.search.knobs)
        space.left_out += [LeftOut("", "candidate", why, name) for name, why in away.items() if name not in usable]
        for left in space.left_out:
            if left.target in usable and not space.rows_on(left.target).any():
                away.setdefault(left.target, f"target '{left.target}' has no candidate: no {left.what} ({left.reason})")
        shelf = VariantShelf(self.prepared, self.cache)
        return Run(
            prepared=self.prepared,
            folder=self.folder,
            store=self.store,
            space=space,
            sites=[self._site(name, device, file.runtime, shelf, targets) for name, device in usable.items()],
            away=away,
            shelf=shelf,
            listener=self.listener,
        )

    def _site(
        self, name: str, device: Device, runtime: str, shelf: VariantShelf, targets: Mapping[str, Target]
    ) -> Site:
        estimate = self.estimate(name, device)
        protocol, task = self._protocol(name, estimate), self.prepared.task
        if name != LOCAL:  # agreement is with the reference's outputs on the very target
            task = replace(task, reference_key=f"{task.reference_key}@{name}")
        bench = Bench(
            store=self.store,
            folder=self.folder.root,
            task=task,
            protocol=protocol,
            limits=self.prepared.intent.limits,
            targets={name: targets[name]} if name in targets else {},
            variant_of=shelf.variant,
            variant_key=shelf.key,
            metering=self.meterings.get(name),
            estimate=estimate,
            wanted=frozenset(self._decided()),
            soak_s=soak_seconds(self.prepared.intent.protocol.preset, self.prepared.intent.protocol.overrides),
        )
        return Site(name, device, device.runtimes[runtime], protocol, bench)

    def _protocol(self, target: str, estimate: PowerEstimate) -> Protocol:
        intent, task, meter = self.prepared.intent, self.prepared.task, self.specs.get(target)
        workload: dict[str, Any] = {"rate": intent.rate, "battery_wh": intent.battery_wh}
        if task.data is not None and task.labels is None:
            workload["reference"] = task.reference_key  # agreement is with it
        workload[f"idle_w {target}"] = task.idle_power[target]
        if meter is not None:
            workload["meter"] = f"{meter.name} at {meter.scope}"  # energies of other scopes never share a front
        elif estimate.model_id:
            workload[f"estimate {target}"] = estimate.model_id  # nor do those of other estimates
        return protocol_for(
            intent.protocol.preset, intent.protocol.overrides, self._decided(), workload, metered=meter is not None
        )

    def _decided(self) -> list[str]:
        """Names of the metrics in constraints and objectives."""
        names = [constraint.metric.name for constraint in self.prepared.constraints]
        return names + [metric.name for metric in self.prepared.intent.objectives]

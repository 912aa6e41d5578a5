"""Open a run: from an intent and a folder to everything that its stages need."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.bench.bench import Bench
from autoedge.bench.power_fit import FittedPower
from autoedge.bench.power_models import calibrated, estimate_for
from autoedge.bench.presets import protocol_for, soak_seconds
from autoedge.device import Device
from autoedge.errors import StoreError, TargetError
from autoedge.intent.dump import dump_resolved
from autoedge.meters.spec import MeterSpec
from autoedge.models.cache import VariantCache
from autoedge.space.facts import LeftOut
from autoedge.space.space import Space
from autoedge.store.store import Store
from autoedge.targets.declared import LOCAL
from autoedge.whole import write_whole
from autoedge.workflows.connecting import connected, declared_targets
from autoedge.workflows.events import Lost, Note, StageBegan, silent
from autoedge.workflows.folder import RunFolder, cache_root
from autoedge.workflows.metering import meter_notes, metered
from autoedge.workflows.prepare import Prepared, prepare
from autoedge.workflows.run import Run
from autoedge.workflows.screening import unreadable_models, with_unreadable
from autoedge.workflows.site import Site, none_left
from autoedge.workflows.spaces import space_files
from autoedge.workflows.task_setup import require_evaluator
from autoedge.workflows.unsearched import unsearched_by, with_delegates
from autoedge.workflows.variants import VariantShelf

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.bench.metering import Metering
    from autoedge.intent.resolved import Intent
    from autoedge.measurement import Protocol
    from autoedge.targets.base import Target
    from autoedge.targets.declaration import DeclaredTarget
    from autoedge.workflows.events import Listener


@contextmanager
def opened_run(
    intent: Intent, root: Path, listener: Listener = silent, targets_file: Path | None = None, *, judges: bool = True
) -> Iterator[tuple[Run, dict[str, Target]]]:
    """A run with its folder locked and its targets' agents started; everything is closed at the end.

    A target that cannot be reached, or lacks the runtime, is told of and left out; what it gave at earlier starts
    counts all the same.

    Args:
        intent: As loaded.
        root: The run folder.
        listener: Told what happens.
        targets_file: Where targets are declared; by default the user's own file.
        judges: Whether outputs are to be judged, which may take code that the command line must trust.

    Raises:
        TargetError: No target is left.
        AutoEdgeError: What is wrong with the intent, its files or the folder.
    """
    intent, declarations = declared_targets(intent, targets_file)
    listener(StageBegan("prepare", "looking into models and data"))
    prepared = prepare(intent)
    if judges:
        require_evaluator(prepared.intent, prepared.task.evaluator)
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
                devices = _known_devices(store, declarations, targets)
                _keep_power(store, {name: devices[name] for name in targets if name in devices}, meterings, away)
                delegates = {one.name: one.delegates for one in declarations}
                parts = _Parts(prepared, folder, store, cache, listener, meterings, delegates)
                parts.screen()
                run = parts.run(devices, away, targets)
                if not run.reachable:
                    raise none_left(run.away)
                parts.tell_of(run, devices)
                _claim(run, targets)
                run = parts.run(devices, run.away, targets)
                _remember(run)
                yield run, {name: target for name, target in targets.items() if name not in run.away}
        finally:
            store.close()


def _known_devices(
    store: Store, declarations: Iterable[DeclaredTarget], targets: Mapping[str, Target]
) -> dict[str, Device]:
    """By target, what was found there now or at earlier starts; kept."""
    found = {
        one.name: with_delegates(device, one.delegates)
        for one in declarations
        if one.name in targets and (device := targets[one.name].device) is not None
    }
    devices = stored_devices(store) | found
    store.set_fact("devices", {name: asdict(device) for name, device in devices.items()})
    return devices


def _keep_power(
    store: Store, found: Mapping[str, Device], meterings: Mapping[str, Metering], away: Collection[str]
) -> None:
    """Keep what each target's power is measured or estimated with."""
    specs = {name: metering.spec.to_json() for name, metering in meterings.items()}
    _set_by_target(store, "meters", specs, away)
    bare = {name: calibrated(device) for name, device in found.items() if name not in specs}
    _set_by_target(store, "power models", {name: m.to_json() for name, m in bare.items() if m}, away)


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
        opened_run(intent, Path(folder), listener, targets_file, judges=False) as run,
    ):
        yield run


@contextmanager
def reopened_run(root: Path, listener: Listener = silent, trust: Iterable[Path] = ()) -> Iterator[Run]:
    """A stored run as it stands, without its targets: nothing can be measured.

    Args:
        root: The run folder.
        listener: Told what happens.
        trust: Files and folders whose code may be loaded.

    Raises:
        StoreError: The folder holds no run.
    """
    from autoedge.intent.load import load_intent

    folder = RunFolder(root)
    if not folder.database.is_file() or not folder.intent.is_file():
        raise StoreError(f"{root}: holds no run; name a folder that `autoedge select` wrote, such as runs/NAME")
    prepared = prepare(load_intent(folder.intent, trust))
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
    delegates: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def specs(self) -> dict[str, MeterSpec]:
        """By target, the meter that its rows are measured with."""
        return {name: MeterSpec.from_json(form) for name, form in (self.store.fact("meters") or {}).items()}

    def screen(self) -> None:
        """Find out which models some runtimes cannot run at all; kept for those who reopen the run."""
        for warning in self.prepared.warnings:
            self.listener(Note(warning, warning=True))
        unreadable = unreadable_models(self.prepared, space_files(self.prepared), self.cache, self.listener)
        self.store.set_fact("unreadable models", unreadable)

    def tell_of(self, run: Run, devices: Mapping[str, Device]) -> None:
        """Tell which targets are lost, and what power is told by on the others."""
        self.store.set_fact("away", run.away)
        for name, reason in run.away.items():
            self.listener(Lost(name, reason))
        estimates = {name: self.estimate(name, device) for name, device in devices.items()}
        for note in meter_notes(self.prepared.intent, run.reachable, self.specs, estimates):
            self.listener(note)

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
        files = space_files(self.prepared)
        needed = list(dict.fromkeys(file.runtime for file in files))
        away = dict(away)
        names = [entry.name for entry in self.prepared.intent.targets]
        usable = {
            name: devices[name] for name in names if name in devices and set(needed) & set(devices[name].runtimes)
        }
        for name in names:
            if name in devices and name not in usable and name not in away:
                advice = f"`autoedge targets setup {name}` installs it on a device, pip on this machine"
                away[name] = f"target '{name}' has no {' and no '.join(needed)}; {advice}"
        if not usable:
            raise none_left(away)
        facts = with_unreadable(self.prepared.facts, self.store.fact("unreadable models") or {})
        space = Space(files, facts, usable, self.prepared.intent.search.knobs)
        space.left_out += self.prepared.left_out
        space.left_out += [LeftOut("", "candidate", why, name) for name, why in away.items() if name not in usable]
        for left in space.left_out:
            if left.target in usable and not space.rows_on(left.target).any():
                away.setdefault(left.target, f"target '{left.target}' has no candidate: no {left.what} ({left.reason})")
        shelf = VariantShelf(self.prepared, self.cache, files)
        return Run(
            prepared=self.prepared,
            folder=self.folder,
            store=self.store,
            space=space,
            sites=[self._site(name, device, shelf, targets) for name, device in usable.items()],
            away=away,
            shelf=shelf,
            listener=self.listener,
        )

    def _site(self, name: str, device: Device, shelf: VariantShelf, targets: Mapping[str, Target]) -> Site:
        estimate = self.estimate(name, device)
        protocol, task = (
            self._protocol(name, estimate),
            replace(
                self.prepared.task,
                inputs_of=shelf.inputs,
                unsearched=unsearched_by(self.delegates.get(name, {}), shelf),
            ),
        )
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
        return Site(name, device, protocol, bench)

    def _protocol(self, target: str, estimate: PowerEstimate) -> Protocol:
        intent, task, meter = self.prepared.intent, self.prepared.task, self.specs.get(target)
        workload: dict[str, Any] = {"rate": intent.rate, "battery_wh": intent.battery_wh}
        if task.data is not None and task.evaluator.against_reference:
            workload["reference"] = task.reference_key  # agreement is with it
        if task.identity:
            workload["task"] = task.identity
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

"""What a gate measures side by side: the new bundle, the base, and the reference model where a limit is told by it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autoedge.bench.bench import Bench
from autoedge.bench.power_models import calibrated, estimate_for
from autoedge.candidate import Candidate
from autoedge.errors import TargetError
from autoedge.models.cache import VariantCache
from autoedge.space.space import Space
from autoedge.workflows.bundled import BundledModel, check_runtime, inputs_of
from autoedge.workflows.connecting import connected
from autoedge.workflows.folder import RunFolder, cache_root
from autoedge.workflows.metering import meter_of, require_measured, wants_energy
from autoedge.workflows.spaces import space_files
from autoedge.workflows.unsearched import unsearched_by, with_libraries
from autoedge.workflows.variants import VariantShelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from autoedge.bench.bench import ReadyVariant
    from autoedge.bench.metering import Metering
    from autoedge.bench.task import Task
    from autoedge.candidate import Configuration
    from autoedge.deploy.read import Bundle
    from autoedge.device import Device
    from autoedge.measurement import Protocol
    from autoedge.store.store import Store
    from autoedge.targets.base import Target
    from autoedge.targets.declaration import DeclaredTarget
    from autoedge.workflows.gate_question import Question

NEW, BASE, REFERENCE = "new", "base", "reference"


@dataclass(frozen=True)
class Arm:
    """One of those that take turns.

    Attributes:
        name: new, base or reference. It stands for the target in the arm's candidate, so that two bundles of one
            configuration, with other weights, are two candidates.
        candidate: What runs.
        bench: Measures it.
    """

    name: str
    candidate: Candidate
    bench: Bench


@dataclass(frozen=True)
class Stand:
    """A target made ready for a gate.

    Attributes:
        device: What it is.
        protocol: Of all measurements.
        arms: By name, in the order told.
    """

    device: Device
    protocol: Protocol
    arms: Mapping[str, Arm]


@contextmanager
def gate_stand(
    question: Question, bundles: Mapping[str, Bundle], declared: DeclaredTarget, store: Store, folder: Path
) -> Iterator[Stand]:
    """Reach a target and set up what takes turns there; everything is closed at the end.

    Args:
        question: What is asked.
        bundles: By arm.
        declared: The target.
        store: For the measurements of all arms.
        folder: Where their raw samples go.

    Raises:
        TargetError: The target cannot be reached, or lacks a runtime.
        MeterError: Its meter cannot be used, or a limit needs one.
        DataError: The data do not fit a bundle's model.
    """
    reached = connected([declared], RunFolder(folder), cache_root() / "blobs")
    with reached as (targets, _), _metering(question, targets[declared.name], declared) as metering:
        found = {} if metering is None else {declared.name: metering}
        require_measured(question.intent, found, [declared.name], {})
        maker = _Maker(question, declared, targets[declared.name], metering=metering, store=store, folder=folder)
        yield Stand(maker.device, maker.protocol, maker.arms(bundles))


@contextmanager
def _metering(question: Question, target: Target, declared: DeclaredTarget) -> Iterator[Metering | None]:
    """The target's meter, where one is declared or something asked takes one."""
    if declared.meter is None and not wants_energy(question.intent):
        yield None
        return
    with meter_of(target, declared) as metering:
        yield metering


class _Maker:
    """Puts arms together."""

    def __init__(
        self,
        question: Question,
        declared: DeclaredTarget,
        target: Target,
        *,
        metering: Metering | None,
        store: Store,
        folder: Path,
    ) -> None:
        if target.device is None:
            raise TargetError(f"target '{declared.name}' was never probed")
        self.device = target.device
        stated = next((one.idle_power for one in question.intent.targets if one.name == declared.name), None)
        self._idle_w = declared.idle_power_w if stated is None else stated
        meter = "" if metering is None else f"{metering.spec.name} at {metering.spec.scope}"
        self.protocol = question.protocol(self._idle_w, meter)
        self._question, self._declared, self._target = question, declared, target
        self._metering, self._store, self._folder = metering, store, folder

    def arms(self, bundles: Mapping[str, Bundle]) -> dict[str, Arm]:
        """All that take turns."""
        reference = [self._reference()] if self._question.needs_reference else []
        bundled = [self._of_bundle(name, bundle) for name, bundle in bundles.items()]
        return {arm.name: arm for arm in [*reference, *bundled]}

    def _of_bundle(self, name: str, bundle: Bundle) -> Arm:
        check_runtime(bundle, self.device, self._declared.name)
        task, configuration = self._question.task(), bundle.candidate.configuration
        inputs, model = inputs_of(bundle, task.data, task.data), BundledModel.of(bundle)
        several = len(bundle.counted) > 1
        task = replace(
            task,
            inputs_of=lambda _: inputs,
            scores={} if bundle.scores is None else {configuration.model: bundle.scores},
            together={configuration.model: bundle.counted} if several else {},
        )
        task = with_libraries(task, self._declared.delegates)
        return self._arm(name, Candidate(configuration, name), task, lambda _: model, lambda _: model.sha256)

    def _reference(self) -> Arm:
        prepared = self._question.prepared
        assert prepared is not None  # noqa: S101 - for the type checker: without, there is no reference
        files = space_files(prepared)
        space = Space(files, prepared.facts, {REFERENCE: self.device}, prepared.intent.search.knobs)
        candidate = space.default(prepared.intent.baseline, REFERENCE)
        shelf = VariantShelf(prepared, VariantCache(cache_root()), files)
        unsearched = unsearched_by(self._declared.delegates, shelf)
        task = replace(prepared.task, inputs_of=shelf.inputs, unsearched=unsearched)
        return self._arm(REFERENCE, candidate, task, shelf.variant, shelf.key)

    def _arm(
        self,
        name: str,
        candidate: Candidate,
        task: Task,
        variant_of: Callable[[Configuration], ReadyVariant],
        variant_key: Callable[[Configuration], str],
    ) -> Arm:
        bench = Bench(
            store=self._store,
            folder=self._folder,
            task=replace(task, idle_power={name: self._idle_w}),
            protocol=self.protocol,
            limits=self._question.intent.limits,
            targets={name: self._target},
            variant_of=variant_of,
            variant_key=variant_key,
            metering=self._metering,
            estimate=estimate_for(self.device, self._idle_w, calibrated(self.device)),
            wanted=frozenset(metric.name for metric in self._question.metrics),
        )
        return Arm(name, candidate, bench)

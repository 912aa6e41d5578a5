"""What is soaked: a candidate of a run, a bundle, or the reference of an intent."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from autoedge.bench.task import Task
from autoedge.errors import IntentError, StoreError
from autoedge.intent.load import load_intent
from autoedge.intent.resolved import Limits
from autoedge.models.cache import VariantCache
from autoedge.space.space import Space
from autoedge.store.store import Store
from autoedge.targets.declared import LOCAL
from autoedge.workflows.bundled import BundledModel, check_model
from autoedge.workflows.folder import RunFolder, cache_root
from autoedge.workflows.prepare import prepare
from autoedge.workflows.show import one_beginning, show_run
from autoedge.workflows.spaces import space_files
from autoedge.workflows.unsearched import unsearched_by
from autoedge.workflows.variants import VariantShelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from autoedge.bench.bench import ReadyVariant
    from autoedge.candidate import Candidate, Configuration
    from autoedge.device import Device
    from autoedge.workflows.prepare import Prepared


@dataclass(frozen=True)
class Subject:
    """A candidate that can be soaked.

    Attributes:
        name: For the folder of results.
        about: Where it comes from, as JSON values.
        address: Name or address of its target.
        target: The name that its target goes by.
        task: What it solves.
        limits: What its process may use.
        configuration: What runs on a device, given that and the target's name.
        model: Gives its model file; raises ModelError where it cannot be made.
    """

    name: str
    about: Mapping[str, Any]
    address: str
    target: str
    task: Task
    limits: Limits
    configuration: Callable[[Device, str], Configuration]
    model: Callable[[Configuration], ReadyVariant]


def subject_of(
    *,
    run: Path | None = None,
    candidate: str | None = None,
    bundle: Path | None = None,
    intent: Path | None = None,
    trust: Iterable[Path] = (),
) -> Subject:
    """What one of a run folder, a bundle and an intent file names.

    Args:
        run: A run folder: its chosen candidate.
        candidate: Another one of the run: its id, or the beginning of one.
        bundle: A bundle's folder.
        intent: An intent file: its reference.
        trust: Files and folders whose code may be loaded.

    Raises:
        IntentError: Not exactly one of the three is given, or no measured candidate has that id.
        AutoEdgeError: What is wrong with it.
    """
    if sum(place is not None for place in (run, bundle, intent)) != 1:
        raise IntentError("a soak is of one thing: give --run FOLDER, --bundle FOLDER or --intent FILE")
    if candidate is not None and run is None:
        raise IntentError("--candidate names one of a run: give --run too")
    if bundle is not None:
        return _of_bundle(bundle)
    if intent is not None:
        prepared = prepare(load_intent(intent, trust))

        def reference(device: Device, target: str) -> Configuration:
            known = {target: device}
            space = Space(space_files(prepared), prepared.facts, known, prepared.intent.search.knobs)
            return space.default(prepared.intent.baseline, target).configuration

        return _of_intent(prepared, {"intent": str(intent)}, prepared.intent.targets[0].name, reference)
    assert run is not None  # noqa: S101 - for the type checker: one of the three is given
    chosen = _of_run(run, candidate)
    prepared = prepare(load_intent(RunFolder(run).intent, trust))
    return _of_intent(prepared, {"run": str(run)}, chosen.target, lambda *_: chosen.configuration)


def _of_run(run: Path, candidate: str | None) -> Candidate:
    """A measured candidate of a run."""
    folder = RunFolder(run)
    if not folder.database.is_file() or not folder.intent.is_file():
        raise StoreError(f"{run}: holds no run; name a folder that `autoedge select` wrote, such as runs/NAME")
    wanted = show_run(run)[0]["chosen"]["candidate_id"] if candidate is None else candidate
    store = Store(folder.database)
    try:
        known = store.candidates()
    finally:
        store.close()
    return known[one_beginning(wanted, list(known))]


def _of_intent(
    prepared: Prepared, about: Mapping[str, Any], target: str, configuration: Callable[[Device, str], Configuration]
) -> Subject:
    intent = prepared.intent
    entry = next((one for one in intent.targets if one.name == target), None)
    shelf = VariantShelf(prepared, VariantCache(cache_root()), space_files(prepared))
    return Subject(
        name=intent.name,
        about=about,
        address=(entry.address or target) if entry is not None else target,
        target=target,
        task=replace(prepared.task, inputs_of=shelf.inputs, unsearched=unsearched_by({}, shelf)),
        limits=intent.limits,
        configuration=configuration,
        model=shelf.variant,
    )


def _of_bundle(folder: Path) -> Subject:
    """What a bundle deploys, on generated inputs; the model is looked into first by a process of its own."""
    from autoedge.deploy.read import read_bundle

    bundle = read_bundle(folder)
    configuration, rate = bundle.candidate.configuration, bundle.protocol.parameters.get("rate")

    def model(_: Configuration) -> ReadyVariant:
        check_model(bundle)
        return BundledModel.of(bundle)

    task = Task(
        data=None,
        data_hash="",
        labels=None,
        scores={},
        rate=float(rate) if isinstance(rate, int | float) and 0 < rate < math.inf else None,
        battery_wh=None,
        idle_power={},
        reference="",
        seed=0,
    )
    return Subject(
        name=configuration.model,
        about={"bundle": str(folder)},
        address=LOCAL,
        target=LOCAL,
        task=task,
        limits=Limits(None, None),
        configuration=lambda *_: configuration,
        model=model,
    )

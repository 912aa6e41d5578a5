"""What a runtime is told beside the knobs of a configuration: libraries by name, and which files may be opened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autoedge.models.formats import FORMATS
from autoedge.targets.declaration import BUILTIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autoedge.bench.task import Task
    from autoedge.candidate import Configuration
    from autoedge.device import Device
    from autoedge.workflows.variants import VariantShelf

DELEGATE = "delegate"
_RUNTIME = "litert"


def with_delegates(device: Device, delegates: Mapping[str, Mapping[str, Any]]) -> Device:
    """A device that offers the delegates which the targets file declares for it, as levels of LiteRT's knob.

    Whether a library is there and takes a model is seen when a candidate loads it.
    """
    if not delegates or _RUNTIME not in device.runtimes:
        return device
    knobs = {**device.offers.get(_RUNTIME, {}), DELEGATE: dict.fromkeys(delegates, "")}
    return replace(device, offers={**device.offers, _RUNTIME: knobs})


def library_of(configuration: Configuration, delegates: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The library of a configuration's delegate in place of its name; a name that nobody declared stays one."""
    name = str(configuration.knobs.get(DELEGATE, BUILTIN))
    return {DELEGATE: dict(delegates[name])} if name in delegates else {}


def with_libraries(task: Task, delegates: Mapping[str, Mapping[str, Any]]) -> Task:
    """A task whose runtime is told the libraries of a target's delegates too."""
    before = task.unsearched

    def told(configuration: Configuration) -> dict[str, Any]:
        return {**(before(configuration) if before else {}), **library_of(configuration, delegates)}

    return replace(task, unsearched=told)


def unsearched_by(
    delegates: Mapping[str, Mapping[str, Any]], shelf: VariantShelf
) -> Callable[[Configuration], dict[str, Any]]:
    """What replaces or joins the knobs of a configuration in a job.

    Args:
        delegates: By name, those of the target, with library and options.
        shelf: Knows which file a configuration's variant is made of. A pickle among them was trusted, or the intent
            would not have come this far.
    """

    def told(configuration: Configuration) -> dict[str, Any]:
        found = library_of(configuration, delegates)
        if FORMATS[shelf.form(configuration).info.format].code:
            found["trusted"] = True
        return found

    return told

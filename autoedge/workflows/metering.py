"""Which power meter tells what each target draws: the one declared, else the best that the device has itself."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from autoedge.bench.energy_estimate import PowerModel
from autoedge.bench.metering import DeviceMetering, HostMetering
from autoedge.bench.power_fit import FittedPower
from autoedge.errors import AutoEdgeError, MeterError, TargetError
from autoedge.measurement import Source
from autoedge.meters.finder import Found, best, on_device, opened
from autoedge.metric import ENERGY
from autoedge.registry import places
from autoedge.workflows.events import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.bench.metering import Metering
    from autoedge.intent.resolved import Intent
    from autoedge.meters.base import Meter
    from autoedge.meters.spec import MeterSpec
    from autoedge.targets.base import Target
    from autoedge.targets.declared import DeclaredTarget

# A GPU's own meter says nothing of work on the processor.
_SCOPES = ("wall", "board-input", "soc-rails", "package")
_ALIGN = ("clock", "signature")
NO_METER = "none"


def wants_energy(intent: Intent) -> bool:
    """Whether anything that the intent decides on takes a power meter."""
    named = {metric.name for metric in intent.objectives} | {one.metric.name for one in intent.constraints}
    return not named.isdisjoint(ENERGY)


@contextmanager
def metered(
    intent: Intent, targets: Mapping[str, Target], declarations: Sequence[DeclaredTarget]
) -> Iterator[tuple[dict[str, Metering], dict[str, str]]]:
    """Meters by target, opened; all are closed at the end.

    A declared meter is used whatever the intent asks for. Without one the device's own sensors are looked at, where
    the intent needs energy.

    Yields:
        Meterings by target, those without a meter left out; and by target, why a declared meter cannot be used.

    Raises:
        MeterError: A constraint wants energy measured, and no target has a meter that could.
    """
    known, lost = places("autoedge.meters"), dict[str, str]()
    with ExitStack() as stack:
        instruments = _Instruments(stack)
        found: dict[str, Metering] = {}
        for one in declarations:
            if one.name not in targets:
                continue
            try:
                metering = _metering(targets[one.name], one, known, instruments, wanted=wants_energy(intent))
            except TargetError as error:
                lost[one.name] = str(error)
                continue
            except AutoEdgeError as error:
                lost[one.name] = f"target '{one.name}': {error}"
                continue
            if metering is not None:
                found[one.name] = metering
        require_measured(intent, found, list(targets), lost)
        yield found, lost


@contextmanager
def metering_of(target: Target, declared: DeclaredTarget) -> Iterator[Metering]:
    """The meter of one target, opened; closed at the end.

    Args:
        target: Reached already.
        declared: Says which meter; without a word of one the device's own sensors are looked at.

    Raises:
        MeterError: There is none, or it cannot be opened; says what to do.
    """
    with meter_of(target, declared) as found:
        if found is None or found.spec.scope == "estimate":
            raise MeterError(
                f"target '{declared.name}' has no power meter; name one with --meter, or declare it in targets.yaml, "
                f"meter: {{type: um25c, port: /dev/rfcomm0}}; these would do: {', '.join(_instruments())}"
            )
        yield found


@contextmanager
def meter_of(target: Target, declared: DeclaredTarget) -> Iterator[Metering | None]:
    """The meter of one target, declared or its own, opened and closed at the end; None where it has none.

    Raises:
        MeterError: The declared one cannot be used; TargetError where the agent says so.
    """
    with ExitStack() as stack:
        yield _metering(target, declared, places("autoedge.meters"), _Instruments(stack), wanted=True)


def require_measured(
    intent: Intent, found: Mapping[str, Metering], targets: Sequence[str], lost: Mapping[str, str]
) -> None:
    """Refuse what only a power meter can decide where there is none.

    Raises:
        MeterError: Names the meters that would do.
    """
    able = [name for name, metering in found.items() if metering.spec.scope != "estimate"]
    for constraint in intent.constraints:
        if constraint.source is Source.MEASURED and constraint.metric.name in ENERGY and not able:
            broken = "; ".join(lost.values())
            raise MeterError(
                f"constraint '{constraint.text}' wants a measured figure, but {', '.join(targets)} has no power meter"
                f"{f' ({broken})' if broken else ''}. Declare one for the target in targets.yaml, "
                f"meter: {{type: um25c, port: /dev/rfcomm0}}; these would do: {', '.join(_instruments())}. "
                "Or drop `source: measured` to decide on an estimate (+/- 50 % uncalibrated)"
            )


def meter_notes(
    intent: Intent,
    reachable: Sequence[str],
    specs: Mapping[str, MeterSpec],
    estimates: Mapping[str, PowerEstimate] | None = None,
) -> list[Note]:
    """What a user should know of the power figures before they come.

    Args:
        intent: Decides on energy, or not.
        reachable: Targets that will be measured on.
        specs: By target, its meter.
        estimates: By target without a meter, what its power is estimated with; generic constants by default.
    """
    if not wants_energy(intent):
        return []
    notes = [
        Note(f"power of {name}: {spec.name} ({spec.scope}{f', {spec.model}' if spec.model else ''})")
        for name, spec in specs.items()
        if name in reachable
    ]
    for name in reachable:
        if name not in specs:
            notes.append(_estimate_note(name, (estimates or {}).get(name) or PowerModel.generic("", None)))
        elif specs[name].scope == "estimate":
            notes.append(Note(f"power of {name}: estimated; figures may be off by {100 * specs[name].gain:.0f} %"))
    scopes = {specs[name].scope if name in specs else "estimate" for name in reachable}
    if len(scopes) > 1:
        where = " and ".join(sorted(scopes))
        notes.append(Note(f"energies of these targets are told at {where} and do not compare", warning=True))
    return notes


def _estimate_note(target: str, estimate: PowerEstimate) -> Note:
    told = f"power of {target}: estimated, there is no meter; figures may be off by {100 * estimate.band:.0f} %"
    if isinstance(estimate, FittedPower):
        return Note(f"{told} ({estimate.origin})")
    advice = f"`autoedge power calibrate --target {target}` with a borrowed meter narrows that"
    return Note(f"{told} ({estimate.origin}); {advice}", warning=True)


def _instruments() -> list[str]:
    return sorted(name for name in places("autoedge.meters") if name not in ("estimate", "replay"))


class _Instruments:
    """Instruments on this machine, each opened once though several targets may name it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._open: dict[str, Meter] = {}

    def meter(self, place: str, options: Mapping[str, Any]) -> Meter:
        """An open instrument."""
        key = f"{place} {sorted(options.items(), key=str)}"
        if key not in self._open:
            self._open[key] = self._stack.enter_context(opened(place, options))
        return self._open[key]


def _metering(
    target: Target, declared: DeclaredTarget, known: Mapping[str, str], instruments: _Instruments, *, wanted: bool
) -> Metering | None:
    if declared.meter is None:
        return _own_sensor(target, known) if wanted else None
    options = dict(declared.meter)
    name, align = options.pop("type", None), options.pop("align", _ALIGN[0])
    if name == NO_METER:
        return None
    if name not in known:
        raise MeterError(f"there is no meter '{name}'; there are {', '.join(sorted(known))}, or {NO_METER}")
    if align not in _ALIGN:
        raise MeterError(f"align is one of {', '.join(_ALIGN)}, but got {align!r}")
    if on_device(known[name]):
        return DeviceMetering(target, known[name], options)
    return HostMetering(instruments.meter(known[name], options), target, signature=align == "signature")


def _own_sensor(target: Target, known: Mapping[str, str]) -> Metering | None:
    """The best sensor of the device itself; None where it has none that can be read."""
    candidates = []
    for form in target.meters(known):
        try:
            candidates.append(Found.from_json(dict(form)))
        except (KeyError, TypeError, ValueError):
            continue  # a device says what it likes
    chosen = best(candidates, _SCOPES)
    if chosen is None or chosen.name not in known:
        return None
    try:
        return DeviceMetering(target, known[chosen.name], chosen.options)
    except TargetError:
        return None

"""What one bundle is, holds and achieves otherwise than another."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from autoedge.deploy.bundle import MANIFEST
from autoedge.metric import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autoedge.deploy.read import Bundle
    from autoedge.measurement import Value


@dataclass(frozen=True)
class Change:
    """One thing that differs; a JSON value on each side, None where a side has none."""

    what: str
    a: Any
    b: Any


@dataclass(frozen=True)
class FigurePair:
    """A recorded figure of both; None where a side has none."""

    key: str
    a: Value | None
    b: Value | None


@dataclass(frozen=True)
class Difference:
    """Two bundles side by side.

    Attributes:
        a: The one.
        b: The other.
        configuration: Model, recipe, runtime with its version, and knobs that differ.
        files: Those added, removed or changed, with their sizes in bytes; ``bundle.json`` is not counted.
        figures: All that either has recorded, in the order of the table of metrics.
        verdict: The outcome and that of each constraint, where they differ.
        tools: Versions of what made them, where they differ.
        others: Where and how they were measured, and what else differs.
    """

    a: Bundle
    b: Bundle
    configuration: tuple[Change, ...]
    files: tuple[Change, ...]
    figures: tuple[FigurePair, ...]
    verdict: tuple[Change, ...]
    tools: tuple[Change, ...]
    others: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether they are the same bundle, byte by byte."""
        return self.a.sha256 == self.b.sha256

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        lists = ("configuration", "files", "figures", "verdict", "tools", "others")
        return {
            "schema_version": 1,
            "same": self.same,
            "a": {"candidate_id": self.a.candidate.candidate_id, "bundle": self.a.sha256},
            "b": {"candidate_id": self.b.candidate.candidate_id, "bundle": self.b.sha256},
            **{name: [asdict(each) for each in getattr(self, name)] for name in lists},
        }


def difference(a: Bundle, b: Bundle, sizes_a: Mapping[str, int], sizes_b: Mapping[str, int]) -> Difference:
    """Hold two bundles against each other.

    Args:
        a: The one.
        b: The other.
        sizes_a: Bytes of the one's files.
        sizes_b: Bytes of the other's.
    """
    keys = [metric.key for metric in METRICS.values()]
    pairs = (FigurePair(key, a.result.metrics.get(key), b.result.metrics.get(key)) for key in keys)
    changed = {place for place in {*a.files, *b.files} if a.files.get(place) != b.files.get(place)}
    found = Difference(
        a,
        b,
        configuration=_changes(_configuration(a), _configuration(b)),
        files=tuple(Change(place, sizes_a.get(place), sizes_b.get(place)) for place in sorted(changed)),
        figures=tuple(pair for pair in pairs if pair.a is not None or pair.b is not None),
        verdict=_changes(_verdict(a), _verdict(b)),
        tools=_changes(a.tools, b.tools),
        others=_changes(_others(a), _others(b)),
    )
    return found if found.same or _told(found) else _rest(found)


def _told(found: Difference) -> bool:
    changes = (found.configuration, found.files, found.verdict, found.tools, found.others)
    return any(changes) or any(pair.a != pair.b for pair in found.figures)


def _rest(found: Difference) -> Difference:
    """With the records themselves: they differ in what nothing else tells, if only in how they are written."""
    return replace(found, others=(Change(MANIFEST, found.a.sha256, found.b.sha256),))


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Change, ...]:
    pairs = (Change(what, a.get(what), b.get(what)) for what in dict.fromkeys([*a, *b]))
    return tuple(pair for pair in pairs if not _equal(pair.a, pair.b))


def _equal(a: object, b: object) -> bool:
    """Equal and of one type, so that 1 is not true."""
    return type(a) is type(b) and a == b


def _configuration(bundle: Bundle) -> dict[str, Any]:
    configuration = bundle.candidate.configuration
    return {
        "model": configuration.model,
        **{f"recipe.{name}": value for name, value in sorted(configuration.recipe.items())},
        "runtime": configuration.runtime,
        "runtime version": bundle.runtime_version,
        **{f"knobs.{name}": value for name, value in sorted(configuration.knobs.items())},
    }


def _verdict(bundle: Bundle) -> dict[str, Any]:
    decisions = {each["constraint"]: each["outcome"] for each in bundle.verdict["decisions"]}
    return {"outcome": bundle.verdict["outcome"], **decisions}


def _others(bundle: Bundle) -> dict[str, Any]:
    return dict(_parts(bundle))


def _parts(bundle: Bundle) -> Iterator[tuple[str, Any]]:
    yield "target", bundle.candidate.target
    yield "fingerprint", bundle.fingerprint
    yield from ((f"device.{name}", value) for name, value in bundle.device.items())
    yield "protocol", f"{bundle.protocol.name} {bundle.protocol.version}"
    yield from ((f"protocol.{name}", value) for name, value in sorted(bundle.protocol.parameters.items()))
    yield "phase", bundle.result.phase.value
    yield "processes", bundle.result.n_processes
    yield "flags", list(bundle.result.flags)
    yield "task", bundle.task
    yield "inputs", [asdict(each) for each in bundle.inputs]
    yield "outputs", [asdict(each) for each in bundle.outputs]
    yield "scores", bundle.scores
    yield "counted", list(bundle.counted)
    yield "preprocessing", bundle.preprocessing
    yield "data", bundle.data_hash
    yield "intent", bundle.intent

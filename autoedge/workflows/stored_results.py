"""Every result that a store holds, from the store alone: no model, no target and no run is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.bench.evidence import Evidence, Spread
from autoedge.errors import DataError
from autoedge.intent.inputs import OF_INPUTS
from autoedge.measurement import Phase
from autoedge.workflows.opening import stored_devices

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from autoedge.candidate import Candidate, Configuration
    from autoedge.device import Device
    from autoedge.measurement import Measurement, Result
    from autoedge.store.store import Store

_OF_TARGET = ("idle_w ", "estimate ")
_METER = "meter"


@dataclass(frozen=True)
class StoredResult:
    """One result with all that its store knows of it.

    Attributes:
        configuration: What ran.
        device_name: Of its target; with the fingerprint where the target was several devices.
        device: What is known of it, None where another device has taken its place.
        fingerprint: Of the device.
        runtime_version: Of the runtime.
        protocol_id: How it was measured.
        started: When the last of its processes began, in s since the epoch.
        result: The figures.
    """

    configuration: Configuration
    device_name: str
    device: Device | None
    fingerprint: str
    runtime_version: str
    protocol_id: str
    started: float
    result: Result


def stored_results(
    store: Store, protocols: Collection[str] = (), *, where: str = "the store"
) -> tuple[list[StoredResult], list[str]]:
    """The results of a store that may be compared with one another, and what else it holds.

    Where a model's file or the evaluation data changed, the newest count.

    Args:
        store: Others may write to it meanwhile.
        protocols: Ids (or how they begin) to take.
        where: Names the store in messages.

    Raises:
        DataError: There is no valid result, or there are results of several protocols.
    """
    rows = store.measurements()
    candidates = store.candidates()
    usable = [row for row in rows if row.ok and row.candidate_id in candidates]
    if not usable:
        raise DataError(f"{where}: holds no valid measurement yet ({len(rows)} in all)")
    of_protocol = _of_one_protocol(usable, protocols, store.fact("protocols") or {}, where)
    current = _newest(of_protocol, candidates)
    notes = []
    if len(current) < len(of_protocol):
        old = len(of_protocol) - len(current)
        notes.append(f"{old} measurements of model files or data that were replaced later are left out")
    session = store.fact("decided by") or ""
    devices = stored_devices(store)
    results: list[StoredResult] = []
    for target in sorted({row.target for row in current}):
        here = [row for row in current if row.target == target]
        fingerprints = sorted({row.fingerprint for row in here})
        for fingerprint in fingerprints:
            mine = [row for row in here if row.fingerprint == fingerprint]
            known = devices.get(target)
            device = known if known is not None and known.fingerprint == fingerprint else None
            name = target if len(fingerprints) == 1 else f"{target}-{fingerprint[:8]}"
            results += _of_device(mine, candidates, session, name, device)
    if not results:
        raise DataError(f"{where}: holds no result yet; run `autoedge select` again to go on")
    return results, notes


def _of_device(
    rows: Sequence[Measurement],
    candidates: Mapping[str, Candidate],
    session: str,
    name: str,
    device: Device | None,
) -> list[StoredResult]:
    """Results of one device, each from the rounds that decided or else from the search, as in a run's front."""
    results = []
    for version in sorted({row.runtime_version for row in rows}):
        mine = [row for row in rows if row.runtime_version == version]
        spread = Spread.of(_groups(mine, lambda row: (row.candidate_id, row.phase, row.session)).values())
        for candidate_id, group in _groups(mine, lambda row: row.candidate_id).items():
            soaks = [row for row in group if row.phase is Phase.SOAK and row.session == session]
            explored = [row for row in group if row.phase in (Phase.BASELINE, Phase.SEARCH)]
            confirmed = [row for row in group if row.phase is Phase.CONFIRM and row.session == session]
            if not explored:
                continue  # as in a run: nothing but the rounds of another wish
            counted = sorted(confirmed or explored, key=lambda row: row.replicate)
            evidence = Evidence(candidate_id, counted, spread, soaks[-1] if confirmed and soaks else None)
            results.append(
                StoredResult(
                    configuration=candidates[candidate_id].configuration,
                    device_name=name,
                    device=device,
                    fingerprint=group[0].fingerprint,
                    runtime_version=version,
                    protocol_id=counted[0].protocol_id,
                    started=max(row.started for row in counted),
                    result=evidence.result(),
                )
            )
    return results


def _groups(rows: Iterable[Measurement], key: Any) -> dict[Any, list[Measurement]]:
    found: dict[Any, list[Measurement]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def _newest(rows: Sequence[Measurement], candidates: Mapping[str, Candidate]) -> list[Measurement]:
    """Rows on the data and the model files that were used last."""
    last = max(rows, key=lambda row: row.started)
    on_data = [row for row in rows if row.data_hash == last.data_hash]

    def made(row: Measurement) -> tuple[Any, ...]:
        configuration = candidates[row.candidate_id].configuration
        fed = [item for item in sorted(configuration.knobs.items()) if item[0].endswith(tuple(OF_INPUTS.values()))]
        return (configuration.model, configuration.runtime, *sorted(configuration.recipe.items()), *fed)

    files = {key: max(group, key=lambda row: row.started) for key, group in _groups(on_data, made).items()}
    return [row for row in on_data if row.variant_key == files[made(row)].variant_key]


def _of_one_protocol(
    rows: Sequence[Measurement], wanted: Collection[str], parameters: Mapping[str, Mapping[str, Any]], where: str
) -> list[Measurement]:
    """Rows of the protocols asked for, which must be alike and one on each target.

    Raises:
        DataError: They are not; says which there are.
    """
    there = _groups(rows, lambda row: (row.protocol_id, row.target))
    taken = {key: group for key, group in there.items() if not wanted or key[0].startswith(tuple(wanted))}
    kinds = {_kind(protocol, parameters) for protocol, _ in taken}
    targets = [target for _, target in taken]
    if len(kinds) == 1 and len(targets) == len(set(targets)):
        return [row for group in taken.values() for row in group]
    listed = "\n".join(
        f"  {protocol} on {target}: {len(group)} measurements of {len({row.candidate_id for row in group})} candidates"
        for (protocol, target), group in sorted(there.items())
    )
    problem = "results of different protocols never share a campaign" if taken else "no result has that protocol"
    raise DataError(f"{where}: {problem}; name one with --protocol (for each target). There are\n{listed}")


def _kind(protocol_id: str, parameters: Mapping[str, Mapping[str, Any]]) -> Any:
    """What must agree between the protocols of several targets: everything but their meter and their idle power."""
    known = parameters.get(protocol_id)
    if known is None:
        return protocol_id
    preset = protocol_id.rpartition("-")[0]
    shared = {key: value for key, value in known.items() if key != _METER and not key.startswith(_OF_TARGET)}
    return (preset, *sorted((key, str(value)) for key, value in shared.items()))

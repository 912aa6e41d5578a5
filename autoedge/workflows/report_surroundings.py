"""What a run was measured on and with: devices, runtimes, meters, protocol, and what disturbed it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from autoedge.workflows.opening import stored_devices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement
    from autoedge.store.store import Store


def surroundings(store: Store, verdict: Mapping[str, Any], rows: Sequence[Measurement]) -> dict[str, Any]:
    """The environment and meter card.

    Args:
        store: The run's.
        verdict: As in ``verdict.json``.
        rows: The measurements that it rests on.

    Returns:
        ``autoedge`` (version), ``first`` and ``last`` (dates), ``targets`` (what is known of each device, the versions
        of the runtimes used, its meter or what stands in for one), ``protocols`` (every parameter), ``valid`` (how many
        processes) and ``flags`` (how many of them bear each).
    """
    devices, candidates = stored_devices(store), store.candidates()
    meters, models = store.fact("meters") or {}, store.fact("power models") or {}
    protocols = store.fact("protocols") or {}
    valid = [row for row in rows if row.ok]
    targets = []
    for one in verdict["targets"]:
        name = one["name"]
        used = sorted({_runtime(candidates, row) for row in valid if row.target == name})
        known = {key: one[key] for key in ("name", "arch", "cpu", "cores", "memory_mib", "os", "fingerprint", "lost")}
        device = devices.get(name)
        wrap = device.wrap if device is not None else ""
        power = {"meter": meters.get(name), "calibrated": models.get(name)}
        targets.append({**known, "wrap": wrap, "runtimes": used, "protocol": one["protocol"], **power})
    days = [datetime.fromtimestamp(row.started, UTC).date().isoformat() for row in rows if row.started]
    return {
        "autoedge": version("autoedge"),
        "first": min(days, default=""),
        "last": max(days, default=""),
        "targets": targets,
        "protocols": {
            name: protocols.get(name, {}) for name in sorted({one["protocol"] for one in verdict["targets"]})
        },
        "valid": len(valid),
        "flags": dict(Counter(flag for row in valid for flag in row.flags).most_common()),
    }


def _runtime(candidates: Mapping[str, Candidate], row: Measurement) -> str:
    candidate = candidates.get(row.candidate_id)
    return f"{candidate.configuration.runtime if candidate else 'runtime'} {row.runtime_version}"

"""One run: everything that its stages share, and what is known so far."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any

from autoedge.bench.evidence import Evidence, Spread
from autoedge.bench.presets import soak_seconds
from autoedge.decide.choice import objective_matrix, ranked
from autoedge.decide.verdict import Verdict, decide
from autoedge.measurement import Phase, Status
from autoedge.metric import QUALITY, SUSTAINED
from autoedge.workflows.budget import Ledger
from autoedge.workflows.events import Lost, Measured
from autoedge.workflows.racing import still_stopped
from autoedge.workflows.site import none_left
from autoedge.workflows.sustain import soak_cost, why_not_sustained

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autoedge.bench.bench import Bench
    from autoedge.candidate import Candidate
    from autoedge.errors import AutoEdgeError
    from autoedge.intent.constraint import Constraint
    from autoedge.measurement import Measurement, Protocol
    from autoedge.space.space import Space
    from autoedge.store.store import Store
    from autoedge.workflows.events import Listener
    from autoedge.workflows.folder import RunFolder
    from autoedge.workflows.prepare import Prepared
    from autoedge.workflows.site import Site
    from autoedge.workflows.variants import VariantShelf


class Run:
    """A run on one target or several: its parts, its measurements, and what they come to.

    Only measurements that agree with their target's device, runtime, model files, data and protocol count; others stay
    in the store untouched.

    Args:
        prepared: The intent, whose files fit together.
        folder: Where everything is written.
        store: Where measurements go.
        space: What may be measured.
        sites: The targets, in the user's order.
        away: By target, why nothing can be measured there; what was measured earlier counts all the same.
        shelf: Makes model files.
        listener: Told what happens.
    """

    def __init__(
        self,
        *,
        prepared: Prepared,
        folder: RunFolder,
        store: Store,
        space: Space,
        sites: Sequence[Site],
        away: Mapping[str, str],
        shelf: VariantShelf,
        listener: Listener,
    ) -> None:
        self.prepared = prepared
        self.intent = prepared.intent
        self.folder = folder
        self.store = store
        self.space = space
        self.sites = {site.name: site for site in sites}
        self.away = dict(away)
        self.shelf = shelf
        self.tell = listener
        self.candidates = store.candidates()
        counting = [self._completed(row) for row in store.measurements() if self.counts(row)]
        self.measurements = [row for row in counting if row.status is not Status.STOPPED]
        conditions = f"elapsed {self.protocol.protocol_id} {prepared.task.data_hash[:12]}"
        self._references = {name: space.default(self.intent.baseline, name) for name in self.sites}
        self._spread: dict[str, Spread] = {}
        self._spreads: dict[tuple[str, str, int, int], Spread] = {}
        self._judged: dict[str, tuple[int, Verdict]] = {}
        self._judged_with: dict[str, tuple[Spread, int]] = {}
        self.search_cost = int(self.protocol.parameters["processes"])
        held = still_stopped(self, [row for row in counting if row.status is Status.STOPPED])
        self.measurements = [row for row in counting if row.status is not Status.STOPPED or row in held]
        used = sum(row.details.get("processes", 1) for row in self.measurements)
        soaks = sum(soak_cost(prepared.constraints))
        self.ledger = Ledger(self.intent.budget, used, store, conditions, soaks=soaks, confirm_s=self._confirm_s)

    def _confirm_s(self) -> float:
        """Wall time of a confirm process in the median, by those before it; 0 before anything ended well."""
        done = [row for row in self.measurements if row.ok and row.phase is not Phase.SOAK]
        confirmed = [row.duration_s for row in done if row.phase is Phase.CONFIRM]
        if confirmed or not done:
            return median(confirmed) if confirmed else 0.0
        at_rate = float(self.protocol.parameters.get("rate_seconds", 0.0))  # finalists alone run at the workload's rate
        return median(row.duration_s + at_rate * ("latency_p50_at_rate_ms" not in row.metrics) for row in done)

    # -- targets ------------------------------------------------------------------------------------------------

    @property
    def first(self) -> Site:
        """The target that stands first in the intent, of those that are known."""
        return next(iter(self.sites.values()))

    @property
    def protocol(self) -> Protocol:
        """How the first target is measured; the others differ in their idle power alone."""
        return self.first.protocol

    @property
    def soak_s(self) -> float:
        """How long a finalist's soak lasts, where there is one."""
        entry = self.intent.protocol
        return soak_seconds(entry.preset, entry.overrides)

    @property
    def bench(self) -> Bench:
        """The first target's."""
        return self.first.bench

    @property
    def reference(self) -> Candidate:
        """The reference on the first target."""
        return self._references[self.first.name]

    def reference_on(self, target: str) -> Candidate:
        """What candidates on a target are told against: the baseline model on that very target."""
        return self._references[target]

    @property
    def reachable(self) -> list[str]:
        """Names of the targets that can be measured on."""
        return [name for name in self.sites if name not in self.away]

    def lose(self, target: str, error: AutoEdgeError) -> None:
        """Measure nothing more on a target; all that was measured stays.

        Raises:
            AutoEdgeError: It was the last one.
        """
        self.away[target] = str(error)
        self.store.set_fact("away", self.away)
        if not self.reachable:
            raise none_left(self.away, error)
        self.tell(Lost(target, str(error)))

    def _site_of(self, candidate_id: str) -> Site:
        return self.sites[self.candidates[candidate_id].target]

    def counts(self, row: Measurement) -> bool:
        """Whether a stored measurement agrees with its target's device, runtime, model files, data and protocol."""
        candidate = self.candidates.get(row.candidate_id)
        if candidate is None or candidate.configuration.model not in self.prepared.infos:
            return False
        site = self.sites.get(candidate.target)
        return (
            site is not None
            and row.fingerprint == site.device.fingerprint
            and row.runtime_version == site.device.runtimes.get(candidate.configuration.runtime)
            and row.data_hash == self.prepared.task.data_hash
            and row.protocol_id == site.protocol.protocol_id
            and row.variant_key == self.shelf.key(candidate.configuration)
        )

    def _completed(self, row: Measurement) -> Measurement:
        return self.sites[row.target].bench.completed(row) if row.ok else row

    # -- measuring ----------------------------------------------------------------------------------------------

    def take(self, candidate: Candidate, measurement: Measurement) -> None:
        """Count a stored measurement, log it and tell of it."""
        self.candidates[candidate.candidate_id] = candidate
        self.measurements.append(measurement)
        self._spread.pop(candidate.target, None)
        self.ledger.book(measurement.details.get("processes", 1))
        self.log(candidate, measurement)
        told = Measured(
            candidate=candidate,
            measurement=measurement,
            used=self.ledger.used,
            budget=self.intent.budget.measurements,
            reserve=self.ledger.reserve,
            objectives=tuple(metric.key for metric in self.intent.objectives),
            seconds=self.ledger.seconds,
            time_budget_s=self.intent.budget.time_s,
            best=self.best_so_far(),
        )
        self.tell(told)

    def log(self, candidate: Candidate, measurement: Measurement) -> None:
        """Append a measurement to the log that people read."""
        line = {
            "time": time.time(),
            "candidate": candidate.candidate_id,
            "configuration": candidate.configuration.canonical,
            "phase": measurement.phase,
            "replicate": measurement.replicate,
            "status": measurement.status,
            "reason": measurement.reason,
            "flags": measurement.flags,
            "metrics": {key: asdict(value) for key, value in measurement.metrics.items()},
        }
        with self.folder.history.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    # -- what is known ------------------------------------------------------------------------------------------

    def rows(self, candidate_id: str, phases: Iterable[Phase], session: str | None = None) -> list[Measurement]:
        """A candidate's measurements of some phases (and one session), by replicate."""
        wanted = tuple(phases)
        found = [
            row
            for row in self.measurements
            if row.candidate_id == candidate_id and row.phase in wanted and session in (None, row.session)
        ]
        return sorted(found, key=lambda row: row.replicate)

    def spread_on(self, target: str) -> Spread:
        """Between processes on a target, from every candidate that ran in several of one phase there."""
        if target not in self._spread:
            self._spread[target] = _spread(self._rows_on(target))
        return self._spread[target]

    def _rows_on(self, target: str) -> list[Measurement]:
        return [row for row in self.measurements if row.target == target]

    def explored(self, candidate_id: str) -> Evidence | None:
        """What baselines and search say of a candidate; None without a valid measurement, or when one was stopped."""
        rows = self.rows(candidate_id, (Phase.BASELINE, Phase.SEARCH))
        valid = [row for row in rows if row.ok]
        if any(row.status is Status.STOPPED for row in rows):
            return None
        return Evidence(candidate_id, valid, self.spread_on(valid[0].target)) if valid else None

    def confirmed(self, candidate_id: str, session: str, most: int | None = None) -> Evidence | None:
        """What the confirm rounds of a session say (the first ``most`` processes that ended well)."""
        rows = self.rows(candidate_id, (Phase.CONFIRM,), session)
        valid = [row for row in rows if row.ok][:most]
        if not valid:
            return None
        soaks = [row for row in self.rows(candidate_id, (Phase.SOAK,), session) if row.ok]
        return Evidence(candidate_id, valid, self._spread_at(valid[0].target, session, most), *soaks[-1:])

    def _spread_at(self, target: str, session: str, most: int | None) -> Spread:
        """The spread as it was known at a look, so that a decision once taken stays the same."""
        if most is None:
            return self.spread_on(target)
        rows = self._rows_on(target)
        state = (target, session, most, len(rows))
        if state not in self._spreads:
            later = [row.phase is Phase.CONFIRM and (row.session != session or row.replicate >= most) for row in rows]
            self._spreads[state] = _spread(row for row, out in zip(rows, later, strict=True) if not out)
        return self._spreads[state]

    def explored_ids(self) -> list[str]:
        """Candidates that baselines or search measured, in order."""
        phases = (Phase.BASELINE, Phase.SEARCH)
        return list(dict.fromkeys(row.candidate_id for row in self.measurements if row.phase in phases))

    # -- decisions ----------------------------------------------------------------------------------------------

    def verdict(self, evidence: Evidence, reference: Evidence | None, level: float = 0.95) -> Verdict:
        """All constraints held against a candidate's evidence at one confidence level."""
        bench = self._site_of(evidence.candidate_id).bench
        decisions = []
        for constraint in self.prepared.constraints:
            figure = None
            if constraint.relative == "absolute" and constraint.metric.name in QUALITY:
                figure = bench.quality_of(evidence, constraint.metric.key, level)
            elif constraint.relative == "absolute":
                figure = evidence.value(constraint.metric.key, level)
            elif reference is not None:
                figure = evidence.against(reference, constraint, bench.quality, level)
            decisions.append(decide(constraint, figure, self._why_missing(constraint, evidence)))
        return Verdict(evidence.candidate_id, tuple(decisions))

    def _why_missing(self, constraint: Constraint, evidence: Evidence) -> str:
        if constraint.metric.name in SUSTAINED:
            return why_not_sustained(self, evidence)
        if constraint.metric.name.startswith("latency"):
            calls = min(row.details.get("calls", 0) for row in evidence.measurements)
            need = int(self.protocol.parameters["latency_calls"])
            if calls < need:
                return f"only {calls} of {need} calls fitted into the time cap"
        return f"{constraint.metric.name} was not measured"

    def feasible(self, verdict: Verdict) -> bool:
        """Whether the values alone keep every limit."""
        return all(one.open or (one.slack is not None and one.slack >= 0) for one in verdict.decisions)

    def preferred(self, evidence: Sequence[Evidence]) -> list[int]:
        """Positions of candidates, best first by the preference."""
        rows = [{key: value.value for key, value in item.result().metrics.items()} for item in evidence]
        points = objective_matrix(rows, self.intent.objectives)
        return ranked(points, self.intent.objectives, self.intent.prefer)

    def best_so_far(self) -> tuple[Candidate, Mapping[str, float]] | None:
        """The best candidate by values alone, for people who watch."""
        good = [evidence for evidence, verdict in self.judged() if self.feasible(verdict)]
        if not good:
            return None
        best = good[self.preferred(good)[0]]
        return self.candidates[best.candidate_id], {k: v.value for k, v in best.result().metrics.items()}

    def judged(self) -> list[tuple[Evidence, Verdict]]:
        """Every explored candidate with its verdict; worked out anew only for what was measured since."""
        references = {name: self.explored(reference.candidate_id) for name, reference in self._references.items()}
        for name, reference in references.items():
            now = (self.spread_on(name), reference.processes if reference else 0)
            if self._judged_with.get(name) != now:
                self._judged_with[name] = now
                self._judged = {one: known for one, known in self._judged.items() if self._site_of(one).name != name}
        found = []
        for candidate_id in self.explored_ids():
            evidence = self.explored(candidate_id)
            if evidence is None:
                continue
            known = self._judged.get(candidate_id)
            if known is None or known[0] != evidence.processes:
                verdict = self.verdict(evidence, references[self._site_of(candidate_id).name])
                known = self._judged[candidate_id] = (evidence.processes, verdict)
            found.append((evidence, known[1]))
        return found

    def keeping(self, target: str) -> list[tuple[Evidence, Verdict]]:
        """Candidates of the present space on a target whose values keep every limit, the open ones too."""
        return [
            (evidence, verdict)
            for evidence, verdict in self.judged()
            if (candidate := self.candidates[evidence.candidate_id]).target == target
            and self.space.row(candidate) is not None
            and self.feasible(verdict)
            and not any(decision.open for decision in verdict.decisions)
        ]

    def worth_confirming(self) -> list[Candidate]:
        """Candidates on reachable targets, best first: what keeps the limits by the preference; else the nearest.

        Once something is good, only what is good is worth the reserve.
        """
        there = [(e, v) for e, v in self.judged() if self.candidates[e.candidate_id].target not in self.away]
        known = [(e, v) for e, v in there if self.space.row(self.candidates[e.candidate_id]) is not None]
        known = known or there  # nothing but baselines outside the space was measured
        good = [evidence for evidence, verdict in known if self.feasible(verdict)]
        order = [good[i].candidate_id for i in self.preferred(good)] if good else []
        bad = [(v.violation, e.candidate_id) for e, v in known if not self.feasible(v)]
        nearest = [candidate_id for _, candidate_id in sorted(bad)]
        return [self.candidates[candidate_id] for candidate_id in order or nearest]

    def is_open(self, candidate_id: str) -> bool:
        """Whether a candidate lies in the present space and was explored under present conditions."""
        candidate = self.candidates.get(candidate_id)
        if candidate is None or candidate.target not in self.sites or self.explored(candidate_id) is None:
            return False
        return self.space.row(candidate) is not None or candidate == self.reference_on(candidate.target)

    @cached_property
    def wish(self) -> str:
        """A hash of what decides among measured candidates: limits, objectives, preference, conditions."""
        intent = self.intent
        limits = [constraint.text for constraint in self.prepared.constraints]
        first, *others = self.sites.values()
        conditions = [first.protocol.protocol_id, self.prepared.task.data_hash, first.device.fingerprint]
        conditions += [f"{one.name} {one.protocol.protocol_id} {one.device.fingerprint}" for one in others]
        parts = [limits, [metric.name for metric in intent.objectives], asdict(intent.prefer), conditions]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def facts(self) -> dict[str, Any]:
        """What was used, for reports."""
        stopped = {row.candidate_id for row in self.measurements if row.status is Status.STOPPED}
        return {
            "measurements": self.ledger.used,
            "budget": self.intent.budget.measurements,
            "seconds": round(self.ledger.seconds, 1),
            "variant_seconds": round(self.shelf.seconds, 1),
            "candidates_in_space": len(self.space),
            "explored": len(self.explored_ids()) - len(stopped),
            "stopped": len(stopped),
        }


def _spread(rows: Iterable[Measurement]) -> Spread:
    """From every valid measurement, by candidate and occasion."""
    groups: dict[tuple[str, str, str], list[Measurement]] = {}
    for row in rows:
        if row.ok:
            groups.setdefault((row.candidate_id, row.phase, row.session), []).append(row)
    return Spread.of(groups.values())

"""Where every measured candidate stands at the end: on the front, within the limits, chosen, or why not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autoedge.bench.power_facts import power_facts
from autoedge.bench.records import QUALITY_LOST
from autoedge.decide.choice import front_of, objective_matrix, rule_text
from autoedge.decide.relaxation import relaxations
from autoedge.decide.verdict import Outcome, Verdict
from autoedge.measurement import Phase, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from autoedge.bench.evidence import Evidence
    from autoedge.candidate import Candidate
    from autoedge.measurement import Result
    from autoedge.workflows.confirm import Confirmed
    from autoedge.workflows.run import Run
    from autoedge.workflows.site import Site

STARTED_FROM = "started from"
"""The fact in a run's store that tells what its search started from."""
_RUNNERS_UP = 2


@dataclass(frozen=True)
class Standing:
    """One measured candidate.

    Attributes:
        candidate: Which.
        evidence: From the confirm rounds where it was a finalist, else from the search.
        result: The evidence's figures with 95 % intervals.
        verdict: From the confirm rounds for finalists, else by the search's values.
        feasible: Whether it may stand on the front: values keep every limit and no limit is surely broken.
        front: Whether it is feasible and no feasible candidate dominates it (a confirmed one: no confirmed one).
    """

    candidate: Candidate
    evidence: Evidence
    result: Result
    verdict: Verdict
    feasible: bool
    front: bool


@dataclass(frozen=True)
class Ranking:
    """All candidates, and the choice among the confirmed ones.

    Attributes:
        standings: Every explored candidate by id.
        chosen: The one to deploy, or the nearest where nothing keeps the limits.
        outcome: Of the run.
        reference: The standing of the reference on the chosen candidate's target (from the confirm rounds).
        order: Ids of the finalists, best first.
        best: By target, its best candidate; the chosen one where it stands there.
    """

    standings: dict[str, Standing]
    chosen: Standing
    outcome: Outcome
    reference: Standing
    order: tuple[str, ...]
    best: dict[str, Standing]


def rank(run: Run, confirmed: Confirmed) -> Ranking:
    """Hold everything measured against the intent, and choose among the finalists (at least one)."""
    standings = stand(run, confirmed)
    order = _order(run, confirmed, standings)
    outcome = confirmed.verdicts[order[0]].outcome
    chosen = standings[order[0]]
    reference = standings[run.reference_on(chosen.candidate.target).candidate_id]
    best = {
        name: chosen if name == chosen.candidate.target else _best(run, group)
        for name in run.sites
        if (group := [one for one in standings.values() if one.candidate.target == name])
    }
    return Ranking(standings, chosen, outcome, reference, tuple(order), best)


def _best(run: Run, group: Sequence[Standing]) -> Standing:
    """The best of one target: what was confirmed to meet everything, then what its figures allow, then the nearest.

    Among equals the preference decides, held against one another only.
    """
    met = [one for one in group if one.verdict.outcome is Outcome.MET and one.result.phase is Phase.CONFIRM]
    good = met or [one for one in group if one.feasible]
    if good:
        return good[run.preferred([one.evidence for one in good])[0]]
    inside = [one for one in group if run.space.row(one.candidate) is not None]
    return min(inside or group, key=lambda one: one.verdict.violation)


def stand(run: Run, confirmed: Confirmed) -> dict[str, Standing]:
    """Where every explored candidate stands, by id."""
    references = {name: run.confirmed(run.reference_on(name).candidate_id, confirmed.session) for name in run.sites}
    known: list[tuple[Candidate, Evidence, Verdict]] = []
    for evidence, verdict in run.judged():
        candidate = run.candidates[evidence.candidate_id]
        final = run.confirmed(evidence.candidate_id, confirmed.session)
        decided = confirmed.verdicts.get(evidence.candidate_id)
        if final is None:  # a finalist of which nothing could be confirmed is told with the reason
            known.append((candidate, evidence, decided or verdict))
        else:
            known.append((candidate, final, decided or run.verdict(final, references[candidate.target])))
    allowed = [
        verdict.outcome is not Outcome.NOT_MET and run.feasible(verdict) and run.space.row(candidate) is not None
        for candidate, _, verdict in known
    ]
    front = _front(run, [evidence for _, evidence, _ in known], allowed)
    return {
        candidate.candidate_id: Standing(candidate, evidence, evidence.result(), verdict, allowed[i], front[i])
        for i, (candidate, evidence, verdict) in enumerate(known)
    }


def _front(run: Run, evidence: Sequence[Evidence], allowed: Sequence[bool]) -> list[bool]:
    """Which candidates nothing dominates.

    Confirmed candidates are held against one another only: the best of many single runs is luckier than it is good, and
    must not push out what was measured afresh.
    """
    everyone = [i for i, ok in enumerate(allowed) if ok]
    confirmed = [i for i in everyone if evidence[i].phase is Phase.CONFIRM]
    on_front = _undominated(run, evidence, confirmed)
    on_front |= _undominated(run, evidence, everyone) - set(confirmed)
    return [i in on_front for i in range(len(evidence))]


def _undominated(run: Run, evidence: Sequence[Evidence], rows: list[int]) -> set[int]:
    figures = [{key: value.value for key, value in evidence[i].result().metrics.items()} for i in rows]
    mask = front_of(objective_matrix(figures, run.intent.objectives))
    return {i for i, member in zip(rows, mask, strict=True) if member}


def _order(run: Run, confirmed: Confirmed, standings: dict[str, Standing]) -> list[str]:
    """Finalists best first: those that meet everything, then the undecided, then the rest by nearness."""
    finalists = [standings[c.candidate_id] for c in confirmed.finalists if c.candidate_id in standings]
    order: list[str] = []
    for outcome in (Outcome.MET, Outcome.UNDECIDED):
        group = [s for s in finalists if confirmed.verdicts[s.candidate.candidate_id].outcome is outcome]
        order += [group[i].candidate.candidate_id for i in run.preferred([s.evidence for s in group])] if group else []
    rest = [s for s in finalists if s.candidate.candidate_id not in order]
    return order + [s.candidate.candidate_id for s in sorted(rest, key=lambda s: s.verdict.violation)]


def best_first(run: Run, standings: Collection[Standing], chosen: str) -> list[Standing]:
    """Every standing: the one with the chosen id, then the front by the preference, then the rest by the preference."""
    everyone = list(standings)
    order = [everyone[i] for i in run.preferred([standing.evidence for standing in everyone])]
    return sorted(order, key=lambda standing: (standing.candidate.candidate_id != chosen, not standing.front))


def figures(standing: Standing) -> dict[str, Any]:
    """A standing as plain data."""
    configuration = standing.candidate.configuration
    return {
        "candidate_id": standing.candidate.candidate_id,
        "target": standing.candidate.target,
        "configuration": configuration.canonical,
        "phase": standing.result.phase,
        "n_processes": standing.result.n_processes,
        "feasible": standing.feasible,
        "front": standing.front,
        "outcome": standing.verdict.outcome,
        "flags": list(standing.result.flags),
        "metrics": {key: asdict(value) for key, value in standing.result.metrics.items()},
        "power": power_facts(standing.evidence.measurements),
        "decisions": [decision.plain() for decision in standing.verdict.decisions],
    }


def verdict_document(run: Run, ranking: Ranking) -> dict[str, Any]:
    """What ``verdict.json`` holds."""
    runners_up = [ranking.standings[name] for name in ranking.order[1 : 1 + _RUNNERS_UP]]
    inside = [one for one in ranking.standings.values() if run.space.row(one.candidate) is not None]
    sure = {one.candidate.candidate_id for one in inside if one.result.phase is Phase.CONFIRM}
    opened = relaxations([standing.verdict for standing in inside], sure)
    return {
        "schema_version": 1,
        "name": run.intent.name,
        "outcome": ranking.outcome,
        "rule": rule_text(run.intent.objectives, run.intent.prefer),
        "objectives": [metric.key for metric in run.intent.objectives],
        "protocol": run.sites[ranking.chosen.candidate.target].protocol.protocol_id,
        "targets": [_target(run, site, ranking) for site in run.sites.values()],
        "chosen": figures(ranking.chosen),
        "reference": figures(ranking.reference),
        "gains": _gains(ranking.chosen, ranking.reference),
        "best_by_target": {name: standing.candidate.candidate_id for name, standing in ranking.best.items()},
        "runners_up": [
            {**figures(standing), "lost_by": _lost_by(run, standing, ranking.chosen)} for standing in runners_up
        ],
        "relaxations": []
        if ranking.outcome is Outcome.MET
        else [
            {
                "constraint": one.constraint.text,
                "limit": one.limit,
                "unit": one.constraint.metric.unit,
                "relative": one.constraint.relative,
                "candidate_id": one.candidate_id,
            }
            for one in opened
        ],
        "failed": _failures(run),
        "quality_lost": _lost_quality(run),
        "left_out": [asdict(one) for one in run.space.left_out],
        "started_from": run.store.fact(STARTED_FROM),
        "used": run.facts(),
    }


def _target(run: Run, site: Site, ranking: Ranking) -> dict[str, Any]:
    """What the run knows of one target, and the best candidate there."""
    device, best = site.device, ranking.best.get(site.name)
    return {
        "name": site.name,
        "arch": device.arch,
        "cpu": device.cpu,
        "cores": device.cores,
        "memory_mib": device.memory_mib,
        "os": device.os,
        "fingerprint": device.fingerprint,
        "protocol": site.protocol.protocol_id,
        "lost": run.away.get(site.name, ""),
        "best": None if best is None else figures(best),
    }


def _gains(chosen: Standing, reference: Standing) -> dict[str, float]:
    """Chosen over reference by metric key; what is better is for the reader to see from the metric's direction."""
    ours, theirs = chosen.result.metrics, reference.result.metrics
    return {key: ours[key].value / theirs[key].value for key in ours if key in theirs and theirs[key].value > 0}


def _lost_by(run: Run, standing: Standing, chosen: Standing) -> str:
    """Why a finalist was not chosen, in a few words."""
    if standing.verdict.outcome is not chosen.verdict.outcome:
        broken = [d.constraint.text for d in standing.verdict.decisions if d.outcome is not Outcome.MET]
        return f"{standing.verdict.outcome}: {', '.join(broken)}"
    worse = []
    for metric in run.intent.objectives:
        mine, theirs = standing.result.metrics.get(metric.key), chosen.result.metrics.get(metric.key)
        if mine is None or theirs is None or not metric.better(theirs.value, mine.value):
            continue
        if metric.dimension == "fraction":
            worse.append(f"{metric.name} {100 * (mine.value - theirs.value):+.2f} points")
        elif theirs.value > 0:
            worse.append(f"{metric.name} {100 * (mine.value / theirs.value - 1):+.1f} %")
    return ", ".join(worse) or "the preference alone"


def _lost_quality(run: Run) -> list[dict[str, Any]]:
    """Conversions that cost much of what their model can do, also of candidates that were ruled out early."""
    found: dict[str, dict[str, Any]] = {}
    for row in run.store.measurements():
        if QUALITY_LOST in row.flags and run.counts(row):
            made = run.candidates[row.candidate_id].configuration
            form = {"model": made.model, "recipe": dict(made.recipe), "runtime": made.runtime}
            entry = found.setdefault(str(form), {**form, "candidates": []})
            if row.candidate_id not in entry["candidates"]:
                entry["candidates"].append(row.candidate_id)
    return list(found.values())


def _failures(run: Run) -> list[dict[str, Any]]:
    reasons: dict[str, dict[str, Any]] = {}
    for row in run.measurements:
        if not row.ok and row.status is not Status.STOPPED:
            entry = reasons.setdefault(row.reason, {"reason": row.reason, "count": 0, "candidates": []})
            entry["count"] += 1
            if row.candidate_id not in entry["candidates"]:
                entry["candidates"].append(row.candidate_id)
    return sorted(reasons.values(), key=lambda entry: -entry["count"])

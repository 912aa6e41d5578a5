"""``autoedge surrogate evaluate``: how well a target is predicted from others and a handful of its own values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.results import Results, results_of
from autoedge.campaign.table import Table
from autoedge.errors import DataError, IntentError
from autoedge.intent.problem import shown, suggestion
from autoedge.workflows.events import StageBegan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from autoedge.campaign.campaign import Campaign
    from autoedge.workflows.events import Event

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]

Choice = Literal["random", "spread"]
FEWEST_JUDGED = 3  # rows that a rank correlation needs


@dataclass(frozen=True)
class Skill:
    """How predictions of one target compare with what was recorded, over all rows that were not sampled.

    A figure that has no meaning is NaN; see ``autoedge.surrogate.figures``.

    Attributes:
        spearman: Rank correlation.
        mape: Mean relative error, a share.
        median_ape: Median relative error.
        within_10pct: Share of the rows for which it is at most 0.1.
        covered_90: Share of the rows that lie in the interval claimed to hold 90 % of them.
    """

    spearman: float
    mape: float
    median_ape: float
    within_10pct: float
    covered_90: float


@dataclass(frozen=True)
class Evaluation:
    """What was evaluated, and how well it went: means over the seeds, by test target."""

    campaign: str
    objective: str
    train_targets: tuple[str, ...]
    train_samples: int
    samples: int
    seeds: int
    choice: Choice
    targets: Mapping[str, Skill]


def evaluate(
    campaign: Path,
    *,
    train_targets: Sequence[str],
    test_targets: Sequence[str],
    objective: str,
    train_samples: int = 900,
    samples: int = 10,
    seeds: int = 10,
    choice: Choice = "random",
    on_event: Callable[[Event], None] = lambda _: None,
) -> Evaluation:
    """Predict test targets from training targets and a few values of their own, and judge the predictions.

    Each seed draws ``train_samples`` candidates, the same for all training targets, and of each test target
    ``samples`` rows; all its other rows are then predicted.

    Args:
        campaign: Its folder.
        train_targets: Whose rows are learned from.
        test_targets: Predicted; none of them a training target.
        objective: Which one is predicted.
        train_samples: Rows of each training target.
        samples: Rows of each test target that are known; 0 for none.
        seeds: How often it is done, with the seeds 0, 1, ...
        choice: How the rows of a test target are chosen: at random, or spread out by what the sources and the knobs
            say, which never looks at the target's values.
        on_event: Told which seed is at work.

    Raises:
        DataError: The campaign cannot be read, or lacks a target, the objective or rows.
        IntentError: A number is too small, or a target is in both lists.
    """
    _check_numbers(train_targets, test_targets, train_samples, samples, seeds)
    recorded = _only(read_campaign(campaign), objective)
    tables = {name: results_of(Table(recorded, name)) for name in (*train_targets, *test_targets)}
    for name, table in tables.items():
        needed = train_samples if name in train_targets else samples + FEWEST_JUDGED
        if len(table) < needed:
            option = "--train-samples" if name in train_targets else "--samples"
            raise DataError(f"target {shown(name)} has {len(table)} rows, but {needed} are needed; lower {option}")
    log = recorded.card.objectives[objective].scale == "log"
    asked, places = _joined([tables[name] for name in test_targets])
    found: dict[str, list[Skill]] = {name: [] for name in test_targets}
    for seed in range(seeds):
        on_event(StageBegan("train", f"seed {seed + 1} of {seeds}, {len(train_targets)} training targets"))
        sources = _drawn([tables[name] for name in train_targets], train_samples, seed)
        predicted = _Predicted(sources, objective, asked)
        for name, rows in zip(test_targets, places, strict=True):
            found[name].append(predicted.judged(rows, tables[name].values[objective], samples, seed, choice, log=log))
    return Evaluation(
        campaign=recorded.card.name,
        objective=objective,
        train_targets=tuple(train_targets),
        train_samples=train_samples,
        samples=samples,
        seeds=seeds,
        choice=choice,
        targets={name: _mean(skills) for name, skills in found.items()},
    )


def document(found: Evaluation) -> dict[str, Any]:
    """The evaluation as JSON has it: figures that have no meaning are null."""
    plain = asdict(found)
    plain["targets"] = {
        name: {figure: round(value, 6) if np.isfinite(value) else None for figure, value in skill.items()}
        for name, skill in plain["targets"].items()
    }
    return {"schema_version": 1, **plain}


class _Predicted:
    """What one seed's training rows say of every candidate of any test target."""

    def __init__(self, sources: Sequence[Results], objective: str, asked: Results) -> None:
        from autoedge.surrogate.described import describe
        from autoedge.surrogate.sources import source_predictions

        self._predictions = source_predictions(sources, objective, asked)
        self._described = describe(asked)

    def judged(self, rows: Rows, values: Array, samples: int, seed: int, choice: Choice, *, log: bool) -> Skill:
        """Sample a test target, whose candidates are ``rows``, and judge the prediction of the others."""
        from autoedge.surrogate.fewshot import FewShot
        from autoedge.surrogate.threads import one_thread

        with one_thread():
            model = FewShot(self._predictions[rows], self._described.take(rows))
            if choice == "random":
                chosen = np.random.default_rng([seed, 1]).choice(len(rows), samples, replace=False)
            else:
                chosen = model.spread_out(samples, np.arange(len(rows)))
            fitted = model.fit(chosen, values[chosen])
            rest = np.setdiff1d(np.arange(len(rows)), chosen)
            mean, std = fitted.predict(rest)
        return _skill(mean, std, values[rest], log=log)


def _skill(mean: Array, std: Array, recorded: Array, *, log: bool) -> Skill:
    from autoedge.surrogate.figures import rank_correlation, relative_errors

    told, true = (10.0**mean, 10.0**recorded) if log else (mean, recorded)
    return Skill(
        spearman=rank_correlation(mean, recorded),
        covered_90=float((np.abs(mean - recorded) <= 1.645 * std).mean()),
        **asdict(relative_errors(told, true)),
    )


def _mean(skills: Sequence[Skill]) -> Skill:
    names = Skill.__dataclass_fields__
    return Skill(**{name: float(np.mean([getattr(skill, name) for skill in skills])) for name in names})


def _drawn(tables: Sequence[Results], count: int, seed: int) -> list[Results]:
    """Rows of each table, the same candidates for all that have them."""
    joined, places = _joined(tables)
    order = np.random.default_rng([seed, 0]).permutation(len(joined))
    return [
        table.take(np.argsort(order[rows], kind="stable")[:count]) for table, rows in zip(tables, places, strict=True)
    ]


def _joined(tables: Sequence[Results]) -> tuple[Results, list[Rows]]:
    """All distinct candidates of several targets, and where those of each are among them."""
    import pandas as pd

    frames = [pd.DataFrame({**table.knobs, **table.features}) for table in tables]
    whole = pd.concat(frames, ignore_index=True)
    names = list(tables[0].knobs)
    group = whole.groupby(names, sort=False, dropna=False).ngroup().to_numpy()
    _, first = np.unique(group, return_index=True)
    ends = np.cumsum([len(frame) for frame in frames])
    kept = whole.iloc[first]
    joined = replace(
        tables[0],
        knobs={name: kept[name].to_numpy() for name in names},
        features={name: kept[name].to_numpy(dtype=float) for name in tables[0].features},
        values={},
    )
    return joined, [np.asarray(part, dtype=np.intp) for part in np.split(group, ends[:-1])]


def _only(campaign: Campaign, objective: str) -> Campaign:
    """The campaign with one objective, so that rows which lack another one still count."""
    if objective not in campaign.card.objectives:
        known = campaign.card.objectives
        raise DataError(
            f"campaign {campaign.card.name}: no objective {shown(objective)}{suggestion(objective, known)}; "
            f"it has {', '.join(known)}"
        )
    only = {objective: campaign.card.objectives[objective]}
    return replace(campaign, card=campaign.card.model_copy(update={"objectives": only}))


def _check_numbers(train: Sequence[str], test: Sequence[str], train_samples: int, samples: int, seeds: int) -> None:
    both = sorted(set(train) & set(test))
    problems = [
        *(["name at least one training target"] if not train else []),
        *(["name at least one test target"] if not test else []),
        *([f"a target is trained on or tested, but {', '.join(map(shown, both))} is both"] if both else []),
        *(["a target is named once"] if len({*train}) < len(train) or len({*test}) < len(test) else []),
        *([f"train samples are at least 4, but got {train_samples}"] if train_samples < 4 else []),  # noqa: PLR2004
        *([f"samples are at least 0, but got {samples}"] if samples < 0 else []),
        *([f"seeds are at least 1, but got {seeds}"] if seeds < 1 else []),
    ]
    if problems:
        raise IntentError(*problems)

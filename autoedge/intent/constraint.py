"""One limit that a deployment must keep, as an expression or a mapping."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from autoedge.intent.problem import RuleError, shown, suggestion
from autoedge.intent.units import quantity
from autoedge.metric import METRICS, QUALITY, Metric

if TYPE_CHECKING:
    from autoedge.measurement import Source

Sense = Literal["max", "min"]
Relative = Literal["absolute", "drop", "ratio"]
Decide = Literal["value", "interval"]

_OPERATOR = re.compile(r"<=|>=|=<|=>|==|!=|[<>=≤≥]")
_SENSES: dict[str, Sense] = {"<=": "max", ">=": "min"}
_BASELINE = re.compile(r"(.*?)\s*\bof\s+baseline", re.DOTALL)
_LENGTH = 200
# Conditions that a metric may be wanted under; each makes another metric: latency_p95 sustained.
_CONDITIONS = ("sustained", "at rate")
_NO_DROP = ("map", "map50")  # they rest on no samples that could be compared one by one


@dataclass(frozen=True)
class Constraint:
    """A metric and its limit.

    Attributes:
        metric: What is limited.
        sense: Whether the limit is the largest or the smallest value allowed.
        limit: In the metric's unit; for a drop the fraction that may be lost (0.01 is one percentage point), for a
            ratio the share of the baseline's value.
        relative: What the limit is held against: itself, or what the baseline loses or has.
        source: ``measured`` when an estimate does not count.
        decide: Whether the value or its whole interval must keep the limit.
        text: As the user wrote it.
        key: Names it within its intent.
    """

    metric: Metric
    sense: Sense
    limit: float
    relative: Relative
    source: Source | None
    decide: Decide
    text: str
    key: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.limit):
            raise RuleError(f"takes a finite limit, but got {self.limit}")
        if self.relative == "drop":
            self._check_drop()
        elif self.relative == "ratio":
            if self.limit <= 0:
                raise RuleError(f"takes a positive share of the baseline, but got {self.limit:g}")
        elif self.metric.dimension == "fraction":
            if not 0 <= self.limit <= 1:
                raise RuleError(f"lies between 0 and 1 (0 % and 100 %), but got {self.limit:g}")
        elif self.limit <= 0 and self.metric.dimension != "number":
            raise RuleError(f"takes a positive limit, but got {self.limit:g} {self.metric.unit}")

    def _check_drop(self) -> None:
        _check_droppable(self.metric)
        if self.sense != "max":
            raise RuleError("drop has an upper limit; write drop <= 1 %")
        if not -1 <= self.limit <= 1:
            raise RuleError(f"drop lies between -100 % and 100 %, but got {self.limit:g}")


def read_constraint(text: str, source: Source | None = None, decide: Decide | None = None) -> Constraint:
    """The constraint that an expression states.

    Args:
        text: ``METRIC <= LIMIT``, ``METRIC >= LIMIT``, ``METRIC drop <= LIMIT`` or ``METRIC <= SHARE of baseline``;
            behind a latency may stand ``sustained`` or ``at rate``.
        source: ``measured`` when an estimate does not count.
        decide: By default quality is decided by its value, since more runs add no data, all else by its interval.

    Raises:
        RuleError: It states none.
    """
    if len(text) > _LENGTH:
        raise RuleError(f"a constraint has at most {_LENGTH} characters, but got {shown(text)}")
    left, sense, right = _split(text)
    name, *words = left.split()
    metric = metric_named(name)
    condition = " ".join(words)
    if condition in _CONDITIONS:
        metric, words = _under(metric, condition), []
    relative: Relative = "absolute"
    share = _BASELINE.fullmatch(right)
    if words:
        if words != ["drop"] or share:
            raise RuleError(f"a constraint is METRIC <= LIMIT, or METRIC drop <= LIMIT, but got {shown(text)}")
        relative = "drop"
    elif share:
        relative = "ratio"
    decide = decide or default_decide(metric)
    if decide == "value" and metric.name not in QUALITY:
        raise RuleError(f"{metric.name} varies from run to run, so decide takes interval, but got value")
    try:
        limit = _limit(share[1] if share else right, metric, relative)
        suffix = {"absolute": sense, "drop": "drop", "ratio": f"{sense}_ratio"}[relative]
        key = f"{metric.key}_{suffix}"
        return Constraint(metric, sense, limit, relative, source, decide, " ".join(text.split()), key)
    except RuleError as error:
        raise RuleError(f"{metric.name} {error}") from None


def metric_named(name: str) -> Metric:
    """The metric that users call ``name``.

    Raises:
        RuleError: There is none; names the nearest.
    """
    if name in METRICS:
        return METRICS[name]
    stem = name.rpartition("_")[0]
    if stem in METRICS:
        raise RuleError(f"a metric is written without its unit, but got {shown(name)}; write {stem}")
    raise RuleError(f"unknown metric {shown(name)}{suggestion(name, METRICS)}")


def _under(metric: Metric, condition: str) -> Metric:
    """The metric under a condition."""
    end = "_" + condition.replace(" ", "_")
    if metric.name + end not in METRICS:
        known = ", ".join(name.removesuffix(end) for name in METRICS if name.endswith(end))
        raise RuleError(f"{condition} goes with {known}, but got {metric.name}")
    return METRICS[metric.name + end]


def default_decide(metric: Metric) -> Decide:
    """How a constraint on the metric is decided unless the user says otherwise."""
    return "value" if metric.name in QUALITY else "interval"


def parts(constraint: Constraint) -> tuple[str, Sense, str]:
    """Left side, sense and right side of the constraint's text, as a mapping states them."""
    return _split(constraint.text)


def _split(text: str) -> tuple[str, Sense, str]:
    found = _OPERATOR.search(text)
    left, right = (text[: found.start()].strip(), text[found.end() :].strip()) if found else ("", "")
    if not found or not right or not re.match(r"[A-Za-z_]", left):
        raise RuleError(f"a constraint is METRIC <= LIMIT or METRIC >= LIMIT, but got {shown(text)}")
    if found[0] not in _SENSES:
        raise RuleError(f"a limit is set with <= or >=, but got {found[0]} in {shown(text)}")
    return left, _SENSES[found[0]], right


def _check_droppable(metric: Metric) -> None:
    if metric.dimension != "fraction" or metric.name in _NO_DROP:
        share = "<= 110 %" if metric.direction == "minimize" else ">= 95 %"
        raise RuleError(f"drop is for fractions such as accuracy; write {metric.name} {share} of baseline")


def _limit(text: str, metric: Metric, relative: Relative) -> float:
    if relative == "drop":
        _check_droppable(metric)
    if relative != "absolute":
        return quantity(text, "fraction")
    limit = quantity(text, metric.dimension, metric.unit)
    if metric.dimension == "fraction" and 1 < limit <= 100 and "%" not in text:  # noqa: PLR2004 - a percentage
        raise RuleError(f"lies between 0 and 1, but got {shown(text)}; write {text} % or {limit / 100:g}")
    return limit

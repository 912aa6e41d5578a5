"""What a sampler for constrained optimisation must keep to: suites to derive from, in the form of Optuna's own.

Optuna publishes suites for samplers (``optuna.testing.pytest_samplers``), none of them with constraints. These are for
constraints set by ``Trial.set_constraint``, for those computed by a ``constraints_func``, and for several objectives::

    class TestMySampler(ConstrainedSamplerTestCase, ConstraintsFuncSamplerTestCase):
        @pytest.fixture
        def sampler(self):
            return lambda: MySampler(seed=0)

        @pytest.fixture
        def sampler_with(self):
            return lambda constraints_func: MySampler(seed=0, constraints_func=constraints_func)

A constraint is satisfied up to and including 0. What a sampler learns is judged by where it proposes after
``learning_trials``, against what random sampling, or a search that ignores constraints, would propose there.

It needs pytest.
"""

# ruff: noqa: S101, PLR2004 - assert is how pytest works, and expected numbers are the point of a test

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal

    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    ConstraintsFunc = Callable[[FrozenTrial], Sequence[float]]

_SPACE = {
    "x": FloatDistribution(0.0, 1.0),
    "n": IntDistribution(1, 64, log=True),
    "kind": CategoricalDistribution(["a", "b", "c"]),
}
_DIRECTIONS: Sequence[Literal["minimize", "maximize"]] = ("minimize", "maximize", "minimize")
_TRIALS = 12
_INFINITY = float("inf")

# By case, the constraints of the trial of a number.
_TOLD: Mapping[str, Callable[[int], Mapping[str, float]]] = {
    "never": lambda _: {},
    "all feasible": lambda _: {"c": -1.0},
    "all exactly zero": lambda _: {"c": 0.0},
    "all infeasible": lambda number: {"c": 1.0 + number},
    "all equally infeasible": lambda _: {"c": 1.0},
    "one feasible": lambda number: {"c": -1.0 if number == 3 else 2.0},
    "one infeasible": lambda number: {"c": 1.0 if number == 3 else -2.0},
    "in turn": lambda number: {"c": float((-1) ** number)},
    "missing in some": lambda number: {"c": number - 5.0} if number % 3 else {},
    "missing at first": lambda number: {"c": number - 9.0} if number > 6 else {},
    "missing later": lambda number: {"c": number - 3.0} if number < 6 else {},
    "several": lambda number: {"c": number - 6.0, "d": 4.0 - number, "e": -1.0},
    "never the same": lambda number: {f"c{number % 3}": number - 6.0},
    "each its own": lambda number: {f"c{number}": number - 6.0},
    "huge": lambda number: {"c": 1e300 * (number - 6.0), "d": 1e-300 * (number - 6.0)},
    "infinite": lambda number: {"c": _INFINITY if number % 2 else -_INFINITY},
}


def _ask(study: Study, space: Mapping[str, Any] | None = None) -> Trial:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return study.ask(dict(_SPACE if space is None else space))


def _study(sampler: Callable[[], BaseSampler], objectives: int = 1) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.create_study(directions=_DIRECTIONS[:objectives], sampler=sampler())


def _values(params: Mapping[str, Any], objectives: int = 1) -> list[float]:
    size, kind = np.log2(params["n"]) / 6, "abc".index(params["kind"])
    return [(params["x"] - 0.3) ** 2 + size + kind, params["x"] + kind, size - params["x"]][:objectives]


def _run(study: Study, told: Callable[[int], Mapping[str, float]], trials: int = _TRIALS) -> None:
    for number in range(trials):
        trial = _ask(study)
        for name, value in told(number).items():
            trial.set_constraint(name, value)
        study.tell(trial, _values(trial.params, len(study.directions)))


def _assert_inside(study: Study) -> None:
    for trial in study.trials:
        assert trial.params.keys() == _SPACE.keys()
        for name, distribution in _SPACE.items():
            assert distribution._contains(distribution.to_internal_repr(trial.params[name]))  # noqa: SLF001 - as Optuna


class _BaseConstrainedTestCase:
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        """Makes a sampler with a fixed seed, the same at every call."""
        raise NotImplementedError


class ConstrainedSamplerTestCase(_BaseConstrainedTestCase):
    """Constraints set by ``Trial.set_constraint``, one objective.

    Attributes:
        learning_trials: After how many trials a sampler has learned where constraints hold.
    """

    learning_trials: int = 40

    @pytest.mark.parametrize("case", _TOLD)
    def test_whatever_is_told(self, sampler: Callable[[], BaseSampler], case: str) -> None:
        """Whichever trials satisfy, violate or lack constraints, proposals lie in the space, and nothing is lost."""
        study = _study(sampler)
        _run(study, _TOLD[case])
        _assert_inside(study)
        assert [trial.constraints for trial in study.trials] == [dict(_TOLD[case](n)) for n in range(_TRIALS)]

    @pytest.mark.parametrize("case", ["one feasible", "in turn", "several", "missing in some"])
    def test_a_seed_repeats(self, sampler: Callable[[], BaseSampler], case: str) -> None:
        """Two samplers of one seed that are told the same propose the same."""
        first, second = _study(sampler), _study(sampler)
        _run(first, _TOLD[case])
        _run(second, _TOLD[case])
        assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]

    def test_infeasible_trials_are_never_best(self, sampler: Callable[[], BaseSampler]) -> None:
        """The best trial is the best of the feasible ones, and there is none while none is feasible."""
        study = _study(sampler)
        _run(study, _TOLD["all infeasible"], 6)
        with pytest.raises(ValueError, match="feasible"):
            _ = study.best_trial
        assert study.best_trials == []
        _run(study, lambda number: {"c": -1.0 if number in (4, 7) else 1.0}, 10)
        assert study.best_trial.constraints == {"c": -1.0}
        assert study.best_value == min(trial.values[0] for trial in study.trials if trial.constraints == {"c": -1.0})

    @pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.PRUNED])
    def test_unfinished_trials_with_constraints(self, sampler: Callable[[], BaseSampler], state: TrialState) -> None:
        """Trials that failed or were pruned may have constraints, satisfied or not, or none."""
        study = _study(sampler)
        for number in range(_TRIALS):
            trial = _ask(study)
            if number % 3:
                trial.set_constraint("c", number % 4 - 1.5)
            if number % 2 or number < 4:
                trial.report(1.0, step=0)
                study.tell(trial, state=state)
            else:
                study.tell(trial, _values(trial.params))
        _assert_inside(study)

    def test_running_trials_with_constraints(self, sampler: Callable[[], BaseSampler]) -> None:
        """Constraints of a trial may be known before its values, while others are proposed."""
        study = _study(sampler)
        running = []
        for number in range(_TRIALS):
            trial = _ask(study)
            trial.set_constraint("c", number % 2 - 0.5)
            running.append(trial)
            if len(running) > 3:
                oldest = running.pop(0)
                study.tell(oldest, _values(oldest.params))
        _assert_inside(study)

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_optimize(self, sampler: Callable[[], BaseSampler], n_jobs: int) -> None:
        """Constraints set in an objective function, with one worker and with two."""
        study = _study(sampler)

        def objective(trial: Trial) -> float:
            x = trial.suggest_float("x", 0, 1)
            trial.set_constraint("c", x - 0.5)
            return x

        study.optimize(objective, n_trials=_TRIALS, n_jobs=n_jobs)
        assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * _TRIALS

    def test_conditional_parameters(self, sampler: Callable[[], BaseSampler]) -> None:
        """Constraints go together with parameters that not all trials have."""
        study = _study(sampler)

        def objective(trial: Trial) -> float:
            if trial.suggest_categorical("deep", [True, False]):
                depth = trial.suggest_int("depth", 2, 9)
                trial.set_constraint("depth", depth - 5.0)
                return float(depth)
            return trial.suggest_float("width", 0, 1)

        study.optimize(objective, n_trials=_TRIALS)
        assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * _TRIALS

    def test_constraints_of_added_trials(self, sampler: Callable[[], BaseSampler]) -> None:
        """Trials added with their constraints count like those that were proposed."""
        study = _study(sampler)
        rng = np.random.default_rng(0)
        for number in range(20):
            params = {"x": float(rng.random()), "n": int(rng.integers(1, 65)), "kind": "abc"[number % 3]}
            study.add_trial(
                optuna.create_trial(
                    params=params, distributions=_SPACE, values=_values(params), constraints={"c": number - 9.5}
                )
            )
        _run(study, _TOLD["in turn"], 4)
        _assert_inside(study)

    def test_a_small_feasible_region_is_found(self, sampler: Callable[[], BaseSampler]) -> None:
        """Where 4 % of a space is feasible, at least 12 % of the later proposals are."""
        study = _study(sampler)
        space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
        feasible = []
        for _ in range(2 * self.learning_trials):
            trial = _ask(study, space)
            violations = [abs(trial.params[name] - 0.6) - 0.1 for name in space]
            for name, violation in zip(space, violations, strict=True):
                trial.set_constraint(name, violation)
            feasible.append(max(violations) <= 0)
            study.tell(trial, trial.params["x"])
        assert sum(feasible[self.learning_trials :]) >= 3 * 0.04 * self.learning_trials

    def test_infeasible_gains_do_not_lure(self, sampler: Callable[[], BaseSampler]) -> None:
        """Where less is cheaper but the lower half is infeasible, proposals do not gather inside that half."""
        study = _study(sampler)
        space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
        for _ in range(2 * self.learning_trials):
            trial = _ask(study, space)
            trial.set_constraint("c", 0.5 - trial.params["x"])
            study.tell(trial, trial.params["x"] + 0.1 * trial.params["y"])
        later = [trial.params["x"] < 0.4 for trial in study.trials[self.learning_trials :]]
        assert np.mean(later) < 0.35
        assert study.best_params["x"] >= 0.5

    def test_an_infeasible_choice_is_avoided(self, sampler: Callable[[], BaseSampler]) -> None:
        """Of three choices of equal cost, two of them infeasible, the third is proposed more often than a third."""
        study = _study(sampler)
        space = {"kind": CategoricalDistribution(["a", "b", "c"]), "x": FloatDistribution(0.0, 1.0)}
        for _ in range(2 * self.learning_trials):
            trial = _ask(study, space)
            trial.set_constraint("c", -1.0 if trial.params["kind"] == "b" else 1.0)
            study.tell(trial, trial.params["x"])
        later = [trial.params["kind"] == "b" for trial in study.trials[self.learning_trials :]]
        assert np.mean(later) > 0.5

    def test_zero_is_feasible(self, sampler: Callable[[], BaseSampler]) -> None:
        """A constraint of exactly 0 holds: where it is 0 in the better half and -1 elsewhere, the better half wins."""
        study = _study(sampler)
        space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
        for _ in range(2 * self.learning_trials):
            trial = _ask(study, space)
            trial.set_constraint("c", 0.0 if trial.params["x"] < 0.5 else -1.0)
            study.tell(trial, (trial.params["x"] - 0.25) ** 2 + 0.1 * trial.params["y"])
        later = [trial.params["x"] < 0.5 for trial in study.trials[self.learning_trials :]]
        assert np.mean(later) > 0.6
        assert study.best_params["x"] < 0.5


class ConstraintsFuncSamplerTestCase(_BaseConstrainedTestCase):
    """Constraints computed by a function of the finished trial, for samplers that take one."""

    @pytest.fixture
    def sampler_with(self) -> Callable[[ConstraintsFunc], BaseSampler]:
        """Makes a sampler with a fixed seed and a ``constraints_func``."""
        raise NotImplementedError

    def test_what_it_says_is_stored(self, sampler_with: Callable[[ConstraintsFunc], BaseSampler]) -> None:
        """Each number becomes a constraint of the trial, and the best trial satisfies them all."""
        study = _study(lambda: sampler_with(lambda trial: (trial.params["x"] - 0.5, -1.0)))
        _run(study, _TOLD["never"])
        _assert_inside(study)
        for trial in study.trials:
            assert list(trial.constraints.values()) == [trial.params["x"] - 0.5, -1.0]
        if any(trial.params["x"] <= 0.5 for trial in study.trials):
            assert study.best_params["x"] <= 0.5

    def test_when_it_is_asked(self, sampler_with: Callable[[ConstraintsFunc], BaseSampler]) -> None:
        """It is asked once for each trial that was completed or pruned, and not for those that failed."""
        asked: list[int] = []

        def constraints(trial: FrozenTrial) -> tuple[float]:
            asked.append(trial.number)
            return (trial.number - 5.0,)

        study = _study(lambda: sampler_with(constraints))
        states = [TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED]
        for number in range(_TRIALS):
            trial, state = _ask(study), states[number % 3]
            values = _values(trial.params) if state is TrialState.COMPLETE else None
            study.tell(trial, values, state=state)
        assert asked == [number for number in range(_TRIALS) if states[number % 3] is not TrialState.FAIL]

    def test_nan_is_refused(self, sampler_with: Callable[[ConstraintsFunc], BaseSampler]) -> None:
        """NaN is an error, and the trial is kept without a constraint."""
        study = _study(lambda: sampler_with(lambda _: (float("nan"),)))
        trial = _ask(study)
        with pytest.raises(ValueError, match="NaN"):
            study.tell(trial, 1.0)
        assert study.trials[0].constraints == {}

    def test_an_error_is_passed_on(self, sampler_with: Callable[[ConstraintsFunc], BaseSampler]) -> None:
        """What the function raises reaches the caller, and the study can go on."""

        def constraints(trial: FrozenTrial) -> tuple[float]:
            if trial.number == 5:
                raise RuntimeError("no constraint today")
            return (trial.number - 8.0,)

        study = _study(lambda: sampler_with(constraints))
        _run(study, _TOLD["never"], 5)
        with pytest.raises(RuntimeError, match="no constraint today"):
            _run(study, _TOLD["never"], 1)
        _run(study, _TOLD["never"], 6)
        _assert_inside(study)


class MultiObjectiveConstrainedSamplerTestCase(_BaseConstrainedTestCase):
    """Constraints and several objectives.

    Attributes:
        learning_trials: After how many trials a sampler has learned where constraints hold.
    """

    learning_trials: int = 40

    @pytest.mark.parametrize(
        ("case", "objectives"),
        [*((case, 2) for case in _TOLD), ("one feasible", 3), ("several", 3), ("missing in some", 3)],
    )
    def test_whatever_is_told_of_several(self, sampler: Callable[[], BaseSampler], case: str, objectives: int) -> None:
        """Whichever trials satisfy, violate or lack constraints, proposals go on and lie inside the space."""
        study = _study(sampler, objectives)
        _run(study, _TOLD[case])
        _assert_inside(study)
        told = [_TOLD[case](trial.number) for trial in study.best_trials]
        assert all(value <= 0 for constraints in told for value in constraints.values())

    def test_a_front_behind_a_limit(self, sampler: Callable[[], BaseSampler]) -> None:
        """Where one half of a front is infeasible, later proposals gather in the other half and at the limit."""
        study = _study(sampler, 2)
        space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
        for _ in range(2 * self.learning_trials):
            trial = _ask(study, space)
            x, y = trial.params["x"], trial.params["y"]
            trial.set_constraint("c", 0.5 - x)
            study.tell(trial, [x + y, x - y**2])
        later = [trial.params["x"] >= 0.4 for trial in study.trials[self.learning_trials :]]
        assert np.mean(later) > 0.7
        assert all(trial.params["x"] >= 0.5 for trial in study.best_trials)

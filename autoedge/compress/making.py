"""Make the candidates of a spec, one after the other; runs in the child process."""

from __future__ import annotations

import copy
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.compress import foreign
from autoedge.compress.data import Samples, check_fit, read_samples
from autoedge.compress.spec import Recipe
from autoedge.compress.training import Plan, fit, score
from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    Tell = Callable[[Mapping[str, Any]], None]

INT8 = "qat"


@dataclass(frozen=True)
class _Subject:
    """What candidates are made of.

    Attributes:
        job: As the parent sent it.
        model: The given model, trained as far as the user did; never changed.
        plan: Samples, task and seed.
        code: Hashes of what the model's code is, taken when it was imported.
    """

    job: Mapping[str, Any]
    model: nn.Module
    plan: Plan
    code: Mapping[str, str]


def make(job: Mapping[str, Any], tell: Tell) -> None:
    """Make what ``job["recipes"]`` asks for, telling of each step; one that cannot be made does not end the others.

    Events: ``given`` with the holdout figure of the model as given; for each candidate ``began``, ``epoch`` after each,
    then ``made`` or ``failed``.

    Args:
        job: ``Spec.job()`` with ``work``, the folder to write to.
        tell: Takes one event.

    Raises:
        ModelError: Model, weights or data cannot be used at all.
    """
    import torch

    torch.set_num_threads(job["threads"])
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    subject = _subject(job)
    given = None if subject.plan.holdout is None else score(subject.model, subject.plan.holdout, subject.plan.task)
    tell({"event": "given", "holdout": given})
    for values in job["recipes"]:
        recipe = Recipe(**values)
        tell({"event": "began", "name": recipe.name, "epochs": recipe.epochs})
        try:
            tell({"event": "made", "name": recipe.name, "given": given, **_candidate(subject, recipe, tell)})
        except ModelError as error:
            tell({"event": "failed", "name": recipe.name, "reason": str(error)})
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's code and the libraries raise anything
            traceback.print_exc()
            reason = f"training failed: {type(error).__name__}: {error}"
            tell({"event": "failed", "name": recipe.name, "reason": reason})


def _subject(job: Mapping[str, Any]) -> _Subject:
    import torch

    torch.manual_seed(job["seed"])
    model = foreign.build(job["model"], Path(job["folder"]))
    code = foreign.imported(Path(job["folder"]))
    if job["weights"]:
        foreign.load_weights(model, Path(job["weights"]))
    train = read_samples(Path(job["train"]), job["inputs"], job["task"])
    holdout = read_samples(Path(job["holdout"]), job["inputs"], job["task"]) if job["holdout"] else None
    for samples in (train, holdout):
        if samples is not None:
            check_fit(model, samples, job["task"], job["model"])
    return _Subject(job, model.eval(), Plan(train, holdout, job["task"], job["seed"]), code)


def _candidate(subject: _Subject, recipe: Recipe, tell: Tell) -> dict[str, Any]:
    """Train and write one candidate."""
    from autoedge.compress import export

    plan, job = subject.plan, subject.job
    model = _untrained(subject, recipe)
    code = {**foreign.imported(Path(job["folder"])), **subject.code}  # a file may change while others are trained

    def told(epoch: int, loss: float, holdout: float | None) -> None:
        tell({"event": "epoch", "name": recipe.name, "epoch": epoch, "loss": loss, "holdout": holdout})

    kept = fit(model, subject.model, recipe, plan, told)
    path, names = Path(job["work"]) / f"{recipe.name}.onnx", list(job["inputs"])
    export.export(_exportable(model, recipe), job["inputs"], plan.train, plan.task, path)
    export.check(path, model, plan.train, names, rounded=recipe.kind == INT8)
    return {
        "epoch": kept,
        "holdout": None if plan.holdout is None else export.figure(path, plan.holdout, names, plan.task),
        "parameters": export.parameters(model),
        "given_parameters": export.parameters(subject.model),
        "code": code,
    }


def _untrained(subject: _Subject, recipe: Recipe) -> nn.Module:
    """The model that is to be trained."""
    import torch

    plan = subject.plan
    if recipe.kind == "distil":
        torch.manual_seed(plan.seed)
        student = foreign.build(recipe.student, Path(subject.job["folder"]))
        check_fit(student, plan.train, plan.task, recipe.student)
        return student
    model = copy.deepcopy(subject.model)
    if recipe.kind == "prune":
        from autoedge.compress.pruning import prune

        prune(model, _first(plan.train), recipe.ratio)
        check_fit(model, plan.train, plan.task, recipe.name)
        return model
    from autoedge.compress import qat

    rounding = qat.quantised(model)
    qat.calibrate(rounding, plan.train)
    return rounding


def _first(samples: Samples) -> tuple[Any, ...]:
    return tuple(each[:1] for each in samples.inputs)


def _exportable(model: nn.Module, recipe: Recipe) -> nn.Module:
    if recipe.kind != INT8:
        return model
    from torch import fx

    from autoedge.compress.int8_form import as_integers

    assert isinstance(model, fx.GraphModule)  # noqa: S101 - for the type checker
    return as_integers(model)

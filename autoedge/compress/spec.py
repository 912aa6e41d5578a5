"""What to make of which PyTorch model, read from a spec."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from autoedge.compress.schema import DistilStep, PruneStep, QatStep, SpecFile, free_size
from autoedge.errors import IntentError
from autoedge.intent.paths import absolute_file
from autoedge.intent.problem import Problems, RuleError, shown, suggestion
from autoedge.intent.resolved import NAME
from autoedge.intent.tree import Node, read_tree
from autoedge.intent.wording import worded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from autoedge.intent.problem import Loc
    from autoedge.intent.section import Section

    Shape = tuple[tuple[str | None, int], ...]

_INTENT = re.compile(r": (?:an|the) intent ")
_KINDS: Mapping[str, type[Section]] = {"prune": PruneStep, "distil": DistilStep, "qat": QatStep}


@dataclass(frozen=True)
class Recipe:
    """How one candidate is made.

    Attributes:
        name: Of the candidate and, with ``.onnx``, of its file.
        kind: ``prune``, ``distil`` or ``qat``.
        epochs: Passes over the training samples.
        batch: Samples in a step.
        rate: Highest learning rate.
        alpha: Share of the teacher in the loss, 0 to 1.
        temperature: Softens the teacher's scores.
        ratio: Share of channels to take out, 0 unless pruned.
        student: ``module:function`` of the smaller model, empty unless distilled.
    """

    name: str
    kind: str
    epochs: int
    batch: int
    rate: float
    alpha: float
    temperature: float
    ratio: float = 0.0
    student: str = ""


@dataclass(frozen=True)
class Spec:
    """A spec with every default filled in.

    Attributes:
        path: The file.
        name: Begins the name of every candidate.
        model: ``module:function`` in the spec's folder.
        weights: State dict of the model, None for what the function returns.
        train: npz to train on.
        holdout: npz that chooses the epoch to keep, None for the last one.
        inputs: By input, for each dimension of a sample the name of a free one or None, and its size.
        task: ``classification`` or ``regression``.
        trust: Whether the spec allows the model's code to run.
        recipes: What to make, in order.
        seed: Of everything random.
        threads: That train. Sums, and so results, depend on it.
    """

    path: Path
    name: str
    model: str
    weights: Path | None
    train: Path
    holdout: Path | None
    inputs: Mapping[str, Shape]
    task: str
    trust: bool
    recipes: tuple[Recipe, ...]
    seed: int
    threads: int

    @property
    def folder(self) -> Path:
        """Where the model's code lies."""
        return self.path.resolve().parent

    def job(self) -> dict[str, Any]:
        """As JSON values, for the process that does the work."""
        values = asdict(self)
        for name in ("path", "weights", "train", "holdout"):
            values[name] = None if values[name] is None else str(values[name])
        return {**values, "folder": str(self.folder)}


def load_spec(path: Path) -> Spec:
    """The spec in a YAML file; paths in it are relative to its folder.

    Raises:
        IntentError: With all problems of the file at once, each with its line.
    """
    problems = Problems(path)
    root = _tree(path, problems)
    try:
        file = SpecFile.model_validate(root.plain)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            node = root.at(details["loc"])
            problems.add(node.line, *_worded(node, details))
        problems.raise_if_any()
        raise
    spec = _meaning(path, file, root, problems)
    problems.raise_if_any()
    return spec


def _tree(path: Path, problems: Problems) -> Node:
    try:
        return read_tree(path, problems)
    except IntentError as error:  # the reader of YAML calls every file an intent
        raise IntentError(*(_INTENT.sub(": the spec ", line) for line in error.problems)) from error


def _worded(node: Node, details: ErrorDetails) -> tuple[Loc, str]:
    if details["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        kind = node.plain.get("kind") if isinstance(node.plain, dict) else node.plain
        return node.loc, f"takes kind: {', '.join(_KINDS)}, but got {shown(kind)}"
    if details["type"] == "extra_forbidden":
        parent, word = node.loc[:-1], str(node.loc[-1])
        return parent, f"unknown key {shown(word)}{suggestion(word, _keys(details['loc']))}"
    return worded(node, details)


def _keys(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the mapping around an unknown one may have."""
    section = next((_KINDS[str(part)] for part in loc if part in _KINDS), None)
    if section is not None:
        return list(section.model_fields)
    return ["train", "holdout"] if loc[0] == "data" else list(SpecFile.model_fields)


def _meaning(path: Path, file: SpecFile, root: Node, problems: Problems) -> Spec:
    def there(text: str | None, *loc: str) -> Path | None:
        try:
            return None if text is None else absolute_file(path.parent, text)
        except RuleError as error:
            problems.add(root.at(loc).line, loc, str(error))
            return None

    recipes: dict[str, Recipe] = {}
    for index, step in enumerate(file.make):
        for recipe in _recipes(file.name, step):
            loc = ("make", index)
            if recipe.name in recipes:
                problems.add(
                    root.at(loc).line, loc, f"a candidate is named once, but got {recipe.name} again; add name: WORD"
                )
            elif not re.fullmatch(NAME, recipe.name):
                rule = f"the name of a candidate matches {NAME}"
                problems.add(root.at(loc).line, loc, f"{rule}, but got {shown(recipe.name)}; add a shorter name: WORD")
            recipes[recipe.name] = recipe
    train = there(file.data.train, "data", "train")
    return Spec(
        path=path,
        name=file.name,
        model=file.model,
        weights=there(file.weights, "weights"),
        train=path if train is None else train,  # then a problem was told, and nothing comes of it
        holdout=there(file.data.holdout, "data", "holdout"),
        inputs={name: tuple(free_size(size) for size in shape) for name, shape in file.inputs.items()},
        task=file.task,
        trust=file.trust,
        recipes=tuple(recipes.values()),
        seed=file.seed,
        threads=file.threads,
    )


def _recipes(name: str, step: PruneStep | DistilStep | QatStep) -> list[Recipe]:
    plain = {key: getattr(step, key) for key in ("kind", "epochs", "batch", "rate", "alpha", "temperature")}
    if isinstance(step, PruneStep):
        word = step.name or "prune"
        return [Recipe(f"{name}-{word}-{100 * ratio:.3g}", ratio=ratio, **plain) for ratio in step.ratio]
    if isinstance(step, DistilStep):
        student = step.student.rpartition(":")[2].lower().replace("_", "-")
        return [Recipe(f"{name}-{step.name or f'distil-{student}'}", student=step.student, **plain)]
    return [Recipe(f"{name}-{step.name or 'qat'}", **plain)]

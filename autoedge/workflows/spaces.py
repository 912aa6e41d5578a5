"""The search spaces of an intent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autoedge.errors import SpaceError
from autoedge.space.declaration import KnobRule, SpaceFile, read_space_file
from autoedge.space.forms import form_for
from autoedge.workflows.known_spaces import known_spaces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.intent.inputs import InputSpec
    from autoedge.space.facts import ModelFacts
    from autoedge.workflows.prepare import Prepared

DEFAULT = "default"


def space_files(prepared: Prepared) -> tuple[SpaceFile, ...]:
    """The search spaces of an intent that read one of its models, in its order; one a runtime.

    ``default`` stands for every file that ships with AutoEdge or with a plugin; of a runtime for which the intent names
    a file beside it, that one counts.

    Raises:
        SpaceError: There is none, two that the intent names are of one runtime, or a model that none of them reads.
    """
    wanted, known = prepared.intent.search.space, known_spaces()
    named = {word: _read(word, known, prepared.intent.path.parent) for word in wanted if word != DEFAULT}
    _check_one_a_runtime(named)
    taken = {file.runtime for file in named.values()}
    usual = [] if DEFAULT not in wanted else [read_space_file(path) for path in known.values()]
    spare = [file for file in usual if file.runtime not in taken]
    files = [file for word in wanted for file in (spare if word == DEFAULT else [named[word]])]
    fitting = tuple(
        _with_inputs(file, prepared.intent.inputs)
        for file in files
        if any(form_for(model, file) for model in prepared.facts)
    )
    _check_read(prepared.facts, fitting, files)
    return fitting


def _with_inputs(file: SpaceFile, inputs: Sequence[InputSpec]) -> SpaceFile:
    """A file with a knob for each size or length of an input that the intent leaves open; its first level is usual.

    Raises:
        SpaceError: The file has such a knob already.
    """
    taken = {rule.name for rule in file.knobs} & {spec.knob for spec in inputs if spec.levels}
    if taken:
        raise SpaceError(f"the space '{file.name}' has a knob {taken.pop()}, as an input of the intent would have")
    more = [
        KnobRule(
            name=spec.knob,
            levels=spec.levels,
            default=spec.levels[0],
            recipe=False,
            ordered=not any(isinstance(level, str) for level in spec.levels),
            when={},
        )
        for spec in inputs
        if spec.levels
    ]
    return replace(file, knobs=(*file.knobs, *more))


def _read(word: str, known: Mapping[str, Path], folder: Path) -> SpaceFile:
    path = known.get(word) or folder / word
    if not path.is_file():
        raise SpaceError(f"search.space: '{word}' is neither a file nor one of {', '.join([DEFAULT, *known])}")
    return read_space_file(path)


def _check_one_a_runtime(named: Mapping[str, SpaceFile]) -> None:
    words: dict[str, str] = {}
    for word, file in named.items():
        other = words.setdefault(file.runtime, word)
        if other != word:
            raise SpaceError(
                f"search.space: one search space a runtime, but '{other}' and '{word}' are both of {file.runtime}"
            )


def _check_read(models: Sequence[ModelFacts], fitting: Sequence[SpaceFile], files: Sequence[SpaceFile]) -> None:
    for model in models:
        if not any(form_for(model, file) for file in fitting):
            kinds = " or ".join(form.suffix for form in model.forms)
            known = ", ".join(dict.fromkeys(suffix for file in files for suffix in file.formats))
            raise SpaceError(f"no search space reads model '{model.name}' ({kinds}); they read {known}")

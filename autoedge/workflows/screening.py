"""Find out before measuring which runtimes cannot run a model at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autoedge.errors import DataError, ModelError
from autoedge.models.model_inputs import ModelInputs
from autoedge.models.variants import make_variant
from autoedge.space.forms import form_for
from autoedge.workflows.events import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autoedge.models.cache import VariantCache
    from autoedge.space.declaration import SpaceFile
    from autoedge.space.facts import ModelFacts
    from autoedge.workflows.events import Listener
    from autoedge.workflows.prepare import Prepared

    Unreadable = Mapping[str, Mapping[str, str]]


def unreadable_models(
    prepared: Prepared, files: Sequence[SpaceFile], cache: VariantCache, listener: Listener
) -> dict[str, dict[str, str]]:
    """By model and runtime, why the runtime cannot run it: an operator that it lacks, a damaged file.

    Each model is loaded and called once by each runtime that is installed on this machine, in a child process; what
    ran once is remembered by the cache. The runtime that a model as given runs on is left to the baseline, which says
    more of what is wrong.

    Args:
        prepared: The models.
        files: The runtimes.
        cache: Of variants.
        listener: Told of each refusal.
    """
    found: dict[str, dict[str, str]] = {}
    for facts in prepared.facts:
        for file in _others(facts, files):
            reason = _refusal(prepared, facts, file, cache)
            if reason:
                found.setdefault(facts.name, {})[file.runtime] = reason
                listener(Note(f"{facts.name}: not on {file.runtime}: {reason}"))
    return found


def with_unreadable(facts: Sequence[ModelFacts], unreadable: Unreadable) -> list[ModelFacts]:
    """The facts with what is known of runtimes that cannot run a model."""
    return [
        replace(one, forms=tuple(replace(form, unreadable=dict(unreadable.get(one.name, {}))) for form in one.forms))
        for one in facts
    ]


def _others(facts: ModelFacts, files: Sequence[SpaceFile]) -> Iterator[SpaceFile]:
    """The runtimes that read a model, but the first."""
    reading = [file for form in facts.forms for file in files if form_for(facts, file) is form]
    yield from reading[1:]


def _refusal(prepared: Prepared, facts: ModelFacts, file: SpaceFile, cache: VariantCache) -> str:
    form = next(one for one in prepared.forms[facts.name] if one.info.format in file.formats)
    recipe = {"precision": form.info.precision}
    inputs = ModelInputs(form.info.inputs, prepared.intent.inputs, prepared.samples)
    try:
        shapes = inputs.shapes({}, form.info.fixed_batch or 1)
        make_variant(form.path, form.info, recipe, runtime=file.runtime, cache=cache, shapes=shapes)
    except (ModelError, DataError) as error:
        return str(error).removeprefix(f"{form.path}: ")
    return ""

"""Which form of a model a runtime takes, and the levels that its candidates may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import SpaceError
from autoedge.space.screening import EDGE_TPU

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.candidate import Scalar
    from autoedge.device import Device
    from autoedge.space.columns import Knob
    from autoedge.space.declaration import KnobRule, SpaceFile
    from autoedge.space.facts import Form, ModelFacts

    Limits = Mapping[str, Sequence[Scalar]]


def form_for(model: ModelFacts, file: SpaceFile) -> Form | None:
    """The first form that a runtime reads; None when it reads none."""
    return next((form for form in model.forms if form.suffix in file.formats), None)


def default_form(model: ModelFacts, files: Sequence[SpaceFile]) -> tuple[SpaceFile, Form]:
    """What a model runs on as it is: the first file that reads its first form, else its second, and so on.

    Raises:
        SpaceError: No file reads any.
    """
    found = [(file, form) for form in model.forms for file in files if form.suffix in file.formats]
    for file, form in found:
        if not form.unreadable.get(file.runtime):
            return file, form
    if found:
        return found[0]
    kinds = " or ".join(form.suffix for form in model.forms)
    raise SpaceError(f"no runtime there reads model '{model.name}' ({kinds}); install one that does")


def allowed_levels(
    form: Form, file: SpaceFile, device: Device, knobs: Mapping[str, Knob], limits: Limits
) -> dict[str, np.ndarray]:
    """By knob of a file, the level numbers that a form's candidates may have on a device.

    What is refused is among them: it is screened out later, so that it is counted. An empty array leaves none.

    Args:
        form: What variants are made of.
        file: The runtime's knobs.
        device: Where.
        knobs: The columns of the space.
        limits: By knob, the levels that the intent allows.
    """
    found = {}
    for rule in file.knobs:
        mine = _levels(rule, form, device, limits.get(rule.name), file.runtime)
        found[rule.name] = np.array([i for i, one in enumerate(knobs[rule.name].levels) if one in mine], int)
    return found


def _levels(rule: KnobRule, form: Form, device: Device, asked: Sequence[Scalar] | None, runtime: str) -> set[Scalar]:
    if rule.name in form.only:
        mine = set(form.only[rule.name])
        return mine & set(asked) if asked is not None and mine & set(asked) else mine
    known = set(rule.levels_on(device))
    if rule.name == "precision":
        if not device.offers.get(runtime, {}).get("delegate"):
            known.discard(EDGE_TPU)
        known = (known - {"fp32"} if form.precision == "fp32" else known & form.refusals) | {form.precision}
        return known if asked is None else known & set(asked)
    if asked is None:
        return known
    return set(asked) if rule.ordered and not rule.of_the_target else set(asked) & known

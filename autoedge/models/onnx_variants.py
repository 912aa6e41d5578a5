"""Make variants of ONNX models for ONNX Runtime, with its own tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.models import costs, float16, int8, prepare, source, weight_only
from autoedge.models.shapes import for_one_item
from autoedge.models.source import as_bytes

if TYPE_CHECKING:
    from autoedge.models.conversion import Conversion

_WEIGHT_ONLY = {"int8-weight": 8, "int4-weight": 4}


def convert(conversion: Conversion) -> None:
    """Write the variant; see ``Maker.module``.

    Raises:
        ModelError: It cannot be made; the reason.
    """
    from autoedge.models import calibration

    given, recipe, work = source.read(conversion.given), conversion.recipe, conversion.work
    per_channel = recipe.get("granularity") == "channel"
    model = prepare.prepared(given.model, work, opset=int8.PER_CHANNEL_OPSET if per_channel else 0)
    if recipe["precision"] == "fp16":
        result = float16.to_float16(model)
    elif recipe["precision"] == "int8-dynamic":
        result = int8.dynamic(model, work)
    elif recipe["precision"] in _WEIGHT_ONLY:
        result = weight_only.weight_only(model, _WEIGHT_ONLY[recipe["precision"]])
    else:
        groups = calibration.groups(conversion.feeds, costs.total_bytes(for_one_item(model).graph))
        options = {key: str(recipe[key]) for key in ("calibration", "granularity")}
        result = int8.static(model, work, groups, **options)
    conversion.output.write_bytes(as_bytes(prepare.tidied(result, given.model)))

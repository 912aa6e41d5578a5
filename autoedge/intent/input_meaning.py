"""From the section ``inputs`` of the right shape to what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.intent.inputs import IMAGE_KEYS, TOKEN_KEYS, InputSpec, factor, length_level, size_level
from autoedge.intent.problem import Loc, RuleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autoedge.intent.schema import InputSection

    Wrong = Callable[[Loc, str], None]


def read_inputs(sections: Mapping[str, InputSection], wrong: Wrong, *, intact: bool) -> tuple[InputSpec, ...]:
    """The entries of the section; those that cannot be read are told of and left out.

    Args:
        sections: By input.
        wrong: Takes the place of a problem and its message.
        intact: Whether nothing of the section had to be left out already.
    """
    specs: list[InputSpec] = []
    for name, section in sections.items():
        if not section.model_fields_set and not intact:
            continue  # it is empty because what it said is wrong, and was told
        spec = _read(name, section, wrong)
        if spec is None:
            continue
        same = next((other.name for other in specs if other.levels and spec.levels and other.knob == spec.knob), None)
        if same is not None:
            wrong(("inputs", name), f"its knob is {spec.knob}, but so is that of {same}; rename one")
        specs.append(spec)
    return tuple(specs)


def _read(name: str, section: InputSection, wrong: Wrong) -> InputSpec | None:
    loc: Loc = ("inputs", name)
    given = {key: getattr(section, key) for key in (*IMAGE_KEYS, *TOKEN_KEYS) if getattr(section, key) is not None}
    image, tokens = ([key for key in keys if key in given] for keys in (IMAGE_KEYS, TOKEN_KEYS))
    if image and tokens:
        wrong(loc, f"an input is an image or tokens, but {image[0]} belongs to images and {tokens[0]} to tokens")
        return None
    if not name or not given:
        wrong(loc, "says how samples are prepared, but is empty; add size (an image) or length (tokens)")
        return None
    values: dict[str, Any] = {}
    for key, value in given.items():
        try:
            values[key] = _meant(key, value)
        except RuleError as error:
            wrong((*loc, key), str(error))
    if values.keys() != given.keys():
        return None
    try:
        return InputSpec(name, "image" if image else "tokens", **values)
    except ValueError as error:
        wrong(loc, str(error))
        return None


def _meant(key: str, value: Any) -> Any:
    """What the value of a key means; RuleError where it means nothing."""
    if key in {"size", "length"}:
        level = size_level if key == "size" else length_level
        return tuple(level(each) for each in (value if isinstance(value, list) else [value]))
    if key in {"mean", "std"}:
        return tuple(map(float, value)) if isinstance(value, list) else (float(value),)
    if key == "pad":
        return int(value) if float(value).is_integer() else value
    if key == "padding":
        return float(value.colour)
    return factor(value) if key == "scale" else value

"""What the sections of an intent file are made of: texts, numbers with units, and mappings that know their keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from autoedge.intent.resolved import NAME

ENTRIES = 100  # in a list; an intent is written by hand
CHARACTERS = 4096  # in a text; the longest path of Linux


def _kind(value: Any) -> str | None:
    """Which alternative of a union a value is meant for, so that only that one's problems are told."""
    if isinstance(value, dict) and "lexicographic" in value:
        return "order"
    kinds: dict[type, str] = {str: "text", bool: "flag", int: "number", float: "number", dict: "mapping", list: "list"}
    return kinds.get(type(value), "mapping" if isinstance(value, BaseModel) else None)


def either(rule: str) -> Discriminator:
    """Tells the alternatives of a union apart by what was written; what fits none is told by the rule."""
    return Discriminator(_kind, custom_error_type="rule", custom_error_message=rule)


Text = Annotated[str, Field(min_length=1, max_length=CHARACTERS), Tag("text")]
Texts = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=CHARACTERS)]],
    Field(min_length=1, max_length=ENTRIES),
    Tag("list"),
]
Number = Annotated[float, Tag("number")]
Flag = Annotated[bool, Tag("flag")]
Exact = Annotated[int | float, Tag("number")]

Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Path = Annotated[str, Field(min_length=1, max_length=CHARACTERS)]
Quantity = Annotated[Text | Number, either("takes a number with its unit")]


class Section(BaseModel):
    """A mapping of the intent file; a key without a value counts as left out."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if item is not None or key not in cls.model_fields}
        return value

"""What all documents share: no key that is not described, and a JSON Schema that says so."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from pydantic.json_schema import GenerateJsonSchema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

strict = with_config(ConfigDict(extra="forbid"))
"""For every mapping of a document: these keys and no others."""

Version = Annotated[
    Literal[1], Field(description="Of this format: new keys keep it, removed keys and changed meanings raise it.")
]
Scalar = str | int | float | bool
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 in hex.")]


class _Plain(GenerateJsonSchema):
    """Without the titles that only repeat the names of keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def json_schema(form: Any, name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document.

    Args:
        form: A type that pydantic knows: of this package, or a model of a file.
        name: Its title.
    """
    found = TypeAdapter(form).json_schema(schema_generator=_Plain)
    return {"$schema": DIALECT, **found, "title": name}

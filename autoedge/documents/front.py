"""``front.json``."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Version, strict
from autoedge.documents.standing import Standing


@strict
class Front(TypedDict):
    """The measured Pareto front of a run, with the chosen candidate and the references."""

    schema_version: Version
    rows: Annotated[list[Standing], Field(description="The chosen one first, then the front, best first.")]

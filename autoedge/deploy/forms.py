"""The forms of what travels beside a bundle: the record of a delta pack, a signature, and the statement in it."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from autoedge.deploy.manifest import Form, Hash, Version


class DeltaForm(Form):
    """All of ``delta.json``: SHA-256 of both records."""

    schema_version: Version
    base: Hash
    bundle: Hash

    @property
    def text(self) -> bytes:
        """As it is written, and in no other way."""
        return json.dumps(self.model_dump(), indent=2, sort_keys=True).encode() + b"\n"


class StatementForm(Form):
    """What somebody signs: that a bundle is theirs, and since when."""

    schema_version: Version
    kind: Literal["autoedge-bundle"]
    bundle: Hash
    signed_at: Annotated[int, Field(ge=0, le=2**40)]
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]

    @property
    def text(self) -> str:
        """As it is signed."""
        return json.dumps(self.model_dump(), sort_keys=True, separators=(",", ":"))


class SignatureForm(Form):
    """All of a ``.sig`` file: the statement's very text, and the signature in base64."""

    schema_version: Version
    statement: Annotated[str, Field(max_length=1024)]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]

    @property
    def text(self) -> str:
        """As it is written."""
        return json.dumps(self.model_dump(), indent=2, sort_keys=True) + "\n"

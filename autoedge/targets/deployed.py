"""What a device says is deployed there, checked where it comes in."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOTS = ("a", "b")
_HASH = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[0-9a-f]{16}")
_LONGEST = 4096
_LATEST_S = 2**40  # as a signature may say


@dataclass(frozen=True)
class Slot:
    """One of the two places of a deployment.

    Attributes:
        bundle: SHA-256 of the ``bundle.json`` that lies there; empty where none does.
        whole: Whether every file is what that says.
        signed_at: When the bundle was signed, as the host said when it was deployed; None of an unsigned one.
        key: Id of the key that signed it; empty of an unsigned one.
        proven: Whether it has answered while it served.
    """

    bundle: str
    whole: bool
    signed_at: int | None
    key: str
    proven: bool

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Deployed:
    """The slots of a deployment.

    Attributes:
        folder: Where they are on the device.
        current: The slot that serves; None where none does.
        slots: Those in which something lies.
    """

    folder: str
    current: str | None
    slots: Mapping[str, Slot]

    @property
    def serving(self) -> Slot | None:
        """What serves, whole or not."""
        return None if self.current is None else self.slots.get(self.current)

    @property
    def spare(self) -> str | None:
        """The slot that could be gone back to: not the one that serves, whole, and proven when it did."""
        others = (name for name, slot in self.slots.items() if name != self.current and slot.whole and slot.proven)
        return next(others, None)


def deployed_from(said: Mapping[str, Any]) -> Deployed:
    """A device's word about a deployment.

    Raises:
        ValueError: It makes no sense; also what else ``autoedge.agent.frames.NONSENSE`` lists.
    """
    current, folder = said["current"], said["folder"]
    if current not in (None, *SLOTS) or not isinstance(folder, str) or len(folder) > _LONGEST:
        raise ValueError(f"slot {current!r:.40} in {folder!r:.40}")
    return Deployed(folder, current, {name: _slot(said["slots"][name]) for name in SLOTS if name in said["slots"]})


def _slot(form: Mapping[str, Any]) -> Slot:
    bundle, whole, said = form["bundle"], form["whole"], form["said"]
    if not (bundle == "" or _HASH.fullmatch(bundle)) or not isinstance(whole, bool):
        raise ValueError(f"a slot with {bundle!r:.80}, {whole!r:.40}")
    signed_at, key = said.get("signed_at"), said.get("key", "")
    if signed_at is not None and (type(signed_at) is not int or not 0 <= signed_at < _LATEST_S):
        raise ValueError(f"signed at {signed_at!r:.40}")
    if not (key == "" or _KEY.fullmatch(key)):
        raise ValueError(f"signed by {key!r:.40}")
    return Slot(bundle, whole, signed_at, key, said.get("proven") is True)

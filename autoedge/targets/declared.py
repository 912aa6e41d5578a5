"""Which target a name means, and how it is opened; the door to declarations and the targets file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.errors import IntentError
from autoedge.intent.problem import escaped, shown, suggestion
from autoedge.intent.resolved import target_name
from autoedge.targets.declaration import LOCAL, PYTHON, DeclaredTarget
from autoedge.targets.file import read_targets, targets_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.targets.base import Target

__all__ = ["LOCAL", "DeclaredTarget", "declared", "open_target", "read_targets", "targets_file"]


def declared(name_or_address: str, known: Mapping[str, DeclaredTarget], file: Path | None = None) -> DeclaredTarget:
    """The target that a name or an address means.

    Args:
        name_or_address: A name of the targets file, ``local``, or ``ssh://user@host:port``.
        known: The targets of the targets file.
        file: That file, for messages.

    Raises:
        IntentError: Nobody knows that name; says which one is near and where names are declared.
    """
    if name_or_address in known:
        return known[name_or_address]
    if name_or_address == LOCAL:
        return DeclaredTarget(LOCAL)
    if name_or_address.startswith("ssh://"):
        try:
            return DeclaredTarget(target_name(name_or_address), name_or_address)
        except ValueError as error:
            raise IntentError(f"target {shown(name_or_address)}: {escaped(str(error))}") from error
    hint = suggestion(name_or_address, {*known, LOCAL})
    raise IntentError(
        f"target {shown(name_or_address)} is not declared in {escaped(str(file or 'the targets file'))}"
        f"{hint}{'' if hint.endswith('?') else '.'} To declare it: autoedge targets add NAME ssh://user@host"
    )


def open_target(declared: DeclaredTarget, runtimes: Mapping[str, str], *, blobs: Path, jobs: Path) -> Target:
    """The target behind a declaration; its agent starts when it is entered.

    Args:
        declared: What the user says of it.
        runtimes: Names of runtimes with the place of their class.
        blobs: Folder of files by content hash, for a target that is this machine.
        jobs: Folder on this machine for what belongs to this target in this run.
    """
    from autoedge.targets.local import LocalTarget

    if declared.address is None:
        return LocalTarget(
            runtimes,
            blobs=blobs,
            jobs=jobs,
            name=declared.name,
            wrap=declared.wrap,
            python=None if declared.python == PYTHON else declared.python,
            host=declared.host,
        )
    from autoedge.targets.ssh import SshTarget

    return SshTarget(declared, runtimes, jobs=jobs)

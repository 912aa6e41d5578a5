"""Declare devices, look at them, and make them ready."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError
from autoedge.registry import places
from autoedge.targets.declared import DeclaredTarget, declared, open_target, read_targets, targets_file
from autoedge.targets.environment import environment_python, make_environment
from autoedge.targets.file import write_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autoedge.device import Device
    from autoedge.targets.clock import ClockOffset


@dataclass(frozen=True)
class ProbedTarget:
    """What was found out of a target.

    Attributes:
        declared: How it was declared.
        device: What every measurement knows of it.
        clock: How far its clock stands from this machine's.
        survey: What it says beside that; see ``autoedge.agent.survey``. A device's word: escape it for its place.
        meters: The meters that it has, usable or not; see ``autoedge.meters.finder``. Likewise.
    """

    declared: DeclaredTarget
    device: Device
    clock: ClockOffset
    survey: Mapping[str, Any]
    meters: Sequence[Mapping[str, Any]]

    def plain(self) -> dict[str, Any]:
        """As a JSON document."""
        return {
            "schema_version": 1,
            "name": self.declared.name,
            "address": self.declared.address,
            "device": {**asdict(self.device), "fingerprint": self.device.fingerprint},
            "clock": asdict(self.clock),
            "survey": dict(self.survey),
            "meters": list(self.meters),
        }


def known_targets(file: Path | None = None) -> dict[str, DeclaredTarget]:
    """The declared targets by name; this machine, ``local``, is always one of them.

    Args:
        file: The targets file; None for the user's own, which need not be there.

    Raises:
        IntentError: What is wrong with the file.
    """
    path = file or targets_file()
    known = read_targets(path) if file is not None or path.exists() else {}
    return {"local": declared("local", known), **known}


def known_target(name_or_address: str, file: Path | None = None) -> DeclaredTarget:
    """A target by its name in the targets file, or by its address.

    Raises:
        IntentError: Nobody knows it; names the file.
    """
    return declared(name_or_address, known_targets(file), file or targets_file())


def add_target(name: str, fields: Mapping[str, Any], file: Path | None = None) -> Path:
    """Declare a target.

    Args:
        name: Its name.
        fields: Keys of the targets file with their values.
        file: The targets file; None for the user's own. Made when missing.

    Returns:
        The file.

    Raises:
        IntentError: The name is taken, or something is no such value.
    """
    path = file or targets_file()
    if path.exists() and name in read_targets(path):
        raise IntentError(f"{path}: target '{name}' is declared there already; change it in the file")
    write_target(path, name, fields)
    return path


def probe_target(name_or_address: str, file: Path | None = None) -> ProbedTarget:
    """Reach a target and look at it; takes some seconds.

    Raises:
        IntentError: Nobody knows the name.
        TargetError: It cannot be reached, or lacks what the agent needs.
    """
    one = known_target(name_or_address, file)
    with tempfile.TemporaryDirectory(prefix="autoedge-probe-") as folder:
        place = Path(folder)
        with open_target(one, places("autoedge.runtimes"), blobs=place / "blobs", jobs=place / "jobs") as target:
            device = target.probe()
            found = target.meters(places("autoedge.meters"))
            return ProbedTarget(one, device, target.clock_offset(), target.survey(), found)


def set_up_target(
    name: str,
    runtimes: Sequence[str],
    *,
    python: str | None = None,
    file: Path | None = None,
    on_step: Callable[[str], None],
) -> dict[str, str]:
    """Make an environment for the agent on a declared target, and note its interpreter in the targets file.

    Args:
        name: A target of the file.
        runtimes: Names of runtimes to install there.
        python: Interpreter there to make it from; None for the declared one.
        file: The targets file; None for the user's own.
        on_step: Told of each step.

    Returns:
        Installed packages with their versions.

    Raises:
        IntentError: The target is not declared, since what is noted of it needs a name.
        TargetError: The environment cannot be made; says what to do.
    """
    one = known_target(name, file)
    if one.name not in known_targets(file):
        raise IntentError(f"{name} has no name yet; give it one: autoedge targets add {one.name} {name}")
    versions = make_environment(one, runtimes, python=python, on_step=on_step)
    if one.python != environment_python(one):
        write_target(file or targets_file(), one.name, {"python": environment_python(one)})
    return versions

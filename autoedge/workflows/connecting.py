"""Reach the targets of an intent: all side by side, and without those that cannot be reached."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError, TargetError
from autoedge.registry import places
from autoedge.targets.declared import declared, open_target, read_targets, targets_file
from autoedge.workflows.site import none_left

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from autoedge.intent.resolved import Intent
    from autoedge.targets.base import Target
    from autoedge.targets.declared import DeclaredTarget
    from autoedge.workflows.folder import RunFolder

_PATIENCE_S = 0.5


def declared_targets(intent: Intent, file: Path | None = None) -> tuple[Intent, list[DeclaredTarget]]:
    """What the targets of an intent are declared to be.

    Args:
        intent: Names them, or says where they are.
        file: The targets file; by default the user's own, where there is one.

    Returns:
        The intent with the idle power that the file states where it says nothing itself, and a declaration a target.

    Raises:
        IntentError: A name that nobody knows, or what is wrong with the file; all problems at once.
    """
    path = targets_file() if file is None else file
    known = read_targets(path) if file is not None or path.exists() else {}
    found: list[DeclaredTarget] = []
    problems: list[str] = []
    for entry in intent.targets:
        try:
            found.append(replace(declared(entry.address or entry.name, known, path), name=entry.name))
        except IntentError as error:
            problems += error.problems
    if problems:
        raise IntentError(*problems)
    entries = tuple(
        entry if entry.idle_power is not None else replace(entry, idle_power=one.idle_power_w)
        for entry, one in zip(intent.targets, found, strict=True)
    )
    return replace(intent, targets=entries), found


@contextmanager
def connected(
    wanted: Sequence[DeclaredTarget], folder: RunFolder, blobs: Path
) -> Iterator[tuple[dict[str, Target], dict[str, str]]]:
    """Targets with their agents started; all are closed at the end.

    Args:
        wanted: At least one, each of another name.
        folder: The run's, for what belongs to each target.
        blobs: Files by content hash, for targets that are this machine.

    Yields:
        Those that were reached, knowing their machines, and by name why the others were not, both in the order of
        ``wanted``.

    Raises:
        TargetError: None can be reached.
    """
    runtimes = places("autoedge.runtimes")
    targets = {one.name: open_target(one, runtimes, blobs=blobs, jobs=folder.jobs(one.name)) for one in wanted}
    try:
        errors = _side_by_side(targets, lambda target: target.probe())
        away = {name: str(error) for name, error in errors.items()}
        if len(away) == len(targets):
            raise none_left(away, list(errors.values())[-1])
        share_machines(targets.values())
        yield {name: target for name, target in targets.items() if name not in away}, away
    finally:
        _side_by_side(targets, lambda target: target.close())


def share_machines(targets: Collection[Target]) -> None:
    """Let targets that are one machine say so: what marks one of them marks the machine, and so all others on it."""
    machines: list[frozenset[str]] = []
    for target in targets:
        same = [machine for machine in machines if machine & target.marks]
        machines = [machine for machine in machines if machine not in same]
        machines.append(target.marks.union(*same))
    for target in targets:
        target.machine = next(min(machine) for machine in machines if machine >= target.marks)


def _side_by_side(targets: Mapping[str, Target], do: Callable[[Target], Any]) -> dict[str, TargetError]:
    """Do something with every target at once; by name, what went wrong with a target.

    Short waits, so that Ctrl-C is heard at once; it closes all targets, which ends whatever they wait for.
    """
    with ThreadPoolExecutor(max_workers=len(targets), thread_name_prefix="target") as pool:
        futures = {name: pool.submit(do, target) for name, target in targets.items()}
        try:
            _wait_for(futures)
        except BaseException:
            while not all(future.done() for future in futures.values()):
                with suppress(KeyboardInterrupt):
                    for target in targets.values():
                        target.close()
                    wait(futures.values(), timeout=_PATIENCE_S)
            raise
    errors = {}
    for name, future in futures.items():
        try:
            future.result()
        except TargetError as error:
            errors[name] = error
    return errors


def _wait_for(futures: Mapping[str, Future[Any]]) -> None:
    while wait(futures.values(), timeout=_PATIENCE_S).not_done:
        pass

"""``autoedge compress``: make smaller candidates of a PyTorch model."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.compress import process, record
from autoedge.compress.record import Record
from autoedge.compress.spec import load_spec
from autoedge.errors import IntentError, StoreError
from autoedge.models.inspect import inspect_model
from autoedge.workflows.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autoedge.compress.spec import Recipe, Spec

    Listener = Callable[["CompressState"], None]

_UNFINISHED = ".new-"
_FIGURES = {"classification": "accuracy", "regression": "mse"}


@dataclass(frozen=True)
class CompressState:
    """How far the work is.

    Attributes:
        candidate: Which one is made; empty while the model is loaded.
        number: Which of them it is, from 1.
        count: How many there are to make.
        epoch: Epochs done.
        epochs: Epochs in all.
        loss: Mean of the last epoch, None before the first.
        holdout: Accuracy or mean squared error after it, None without holdout data.
        note: Something that is worth a line of its own.
        warning: Whether that is a failure.
    """

    candidate: str = ""
    number: int = 0
    count: int = 0
    epoch: int = 0
    epochs: int = 0
    loss: float | None = None
    holdout: float | None = None
    note: str = ""
    warning: bool = False


def silent(_: CompressState) -> None:
    """Listen to nothing."""


def compress(path: Path, out: Path, *, trust: Sequence[Path] = (), on_state: Listener = silent) -> dict[str, Any]:
    """Make the candidates that a spec asks for, but for those that lie in the folder already.

    The model's code runs in a child process. Each candidate is kept as soon as it is finished, so that the same command
    goes on where it was stopped.

    Args:
        path: The spec.
        out: Folder of the ONNX files and of ``compressed.json``.
        trust: Folders whose code may be run; one must hold the spec.
        on_state: Told what happens.

    Returns:
        The document that the command prints as JSON: ``candidates`` in the order of the spec, and what ``failed``.

    Raises:
        IntentError: The spec is wrong, its code is not trusted, or PyTorch is missing.
        ModelError: The model, its weights or its data cannot be used.
        StoreError: The folder cannot be written.
    """
    spec = load_spec(path)
    _check_trust(spec, trust)
    lacking = record.missing()
    if lacking:
        raise IntentError(f"compress takes {' and '.join(lacking)}: pip install 'autoedge[train]'")
    if out.exists() and not out.is_dir():
        raise IntentError(f"--out: {out} is a file; name a folder, such as models/")
    with RunFolder(out).locked():
        kept = Record(out)
        depends = {recipe.name: record.made_of(spec, recipe) for recipe in spec.recipes}
        there = {name: kept.current(name, depends[name], spec.folder) for name in depends}
        wanted = [recipe for recipe in spec.recipes if there[recipe.name] is None]
        kept.refuse_strangers([recipe.name for recipe in wanted])
        work = _Work(spec, out, kept, depends, on_state)
        made, failed = work.do(wanted) if wanted else ({}, [])
    entries = {name: made.get(name) or entry for name, entry in there.items()}
    found = {name: entry for name, entry in entries.items() if entry is not None}
    return {
        "schema_version": 1,
        "name": spec.name,
        "out": str(out),
        "figure": _FIGURES[spec.task],
        "given": next((entry["given"] for entry in found.values()), None),
        "candidates": [
            {"name": name, "reused": name not in made, "path": _pasted(out / f"{name}.onnx", spec.folder), **entry}
            for name, entry in found.items()
        ],
        "failed": failed,
    }


def _check_trust(spec: Spec, trust: Sequence[Path]) -> None:
    if not spec.trust:
        raise IntentError(
            f"{spec.path}: trust: the model's code is run only where the spec says trust: true, and it does not; "
            "read the code, then add it"
        )
    if not any(spec.folder.is_relative_to(folder.resolve()) for folder in trust):
        raise IntentError(
            f"{spec.path}: running {spec.model} takes your word on the command line too; "
            f"if you trust the code there, add --trust {spec.folder}"
        )


class _Work:
    """Candidates in the making."""

    def __init__(
        self, spec: Spec, out: Path, kept: Record, depends: Mapping[str, Mapping[str, Any]], on_state: Listener
    ) -> None:
        self._spec = spec
        self._out = out
        self._kept = kept
        self._depends = depends
        self._on_state = on_state

    def do(self, wanted: Sequence[Recipe]) -> tuple[dict[str, dict[str, Any]], list[dict[str, str]]]:
        """Make them; entries by name, and what failed with its reason."""
        made: dict[str, dict[str, Any]] = {}
        failed: list[dict[str, str]] = []
        self._on_state(CompressState(count=len(wanted)))
        try:
            with tempfile.TemporaryDirectory(dir=self._out, prefix=_UNFINISHED, ignore_cleanup_errors=True) as work:
                job = {**self._spec.job(), "recipes": [vars(recipe) for recipe in wanted], "work": work}
                self._run(job, [recipe.name for recipe in wanted], made, failed)
        except OSError as error:
            raise StoreError(f"{self._out}: cannot be written to: {error.strerror or error}") from error
        return made, failed

    def _run(
        self,
        job: Mapping[str, Any],
        names: Sequence[str],
        made: dict[str, dict[str, Any]],
        failed: list[dict[str, str]],
    ) -> None:
        epochs = 0
        with closing(process.events(job)) as events:
            for event in events:
                if event["event"] == "given":
                    continue
                name = event["name"]
                at = {"candidate": name, "number": names.index(name) + 1, "count": len(names)}
                if event["event"] == "began":
                    epochs = event["epochs"]
                    self._on_state(CompressState(**at, epochs=epochs))
                elif event["event"] == "epoch":
                    figures = {key: event[key] for key in ("epoch", "loss", "holdout")}
                    self._on_state(CompressState(**at, epochs=epochs, **figures))
                elif event["event"] == "made":
                    made[name] = self._keep(Path(job["work"]) / f"{name}.onnx", name, event)
                    self._on_state(CompressState(**at, note=f"{name}.onnx is written"))
                else:
                    failed.append({"name": name, "reason": event["reason"]})
                    self._on_state(CompressState(**at, note=f"{name}: {event['reason']}", warning=True))

    def _keep(self, file: Path, name: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Give a finished file its place, and remember how it was made."""
        info = inspect_model(file)
        entry = {
            "kind": self._depends[name]["recipe"]["kind"],
            "sha256": info.sha256,
            "precision": info.precision,
            "size_bytes": info.size_bytes,
            "macs": info.macs,
            **{key: event[key] for key in ("parameters", "given_parameters", "epoch", "holdout", "given")},
            "code": event["code"],
        }
        file.replace(self._out / f"{name}.onnx")
        self._kept.add(name, {**entry, "made_of": self._depends[name]})
        return entry


def _pasted(path: Path, folder: Path) -> str:
    """A path as the intent beside the spec names it."""
    whole = path.resolve()
    return str(whole.relative_to(folder)) if whole.is_relative_to(folder) else str(whole)

"""Bundles of measured candidates: the chosen one, or another point of a stored run with its own verdict."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from autoedge.deploy.bundle import BundleSpec, build_bundle, remove_bundle
from autoedge.deploy.parts import place_of
from autoedge.errors import BundleError
from autoedge.models.variants import tools
from autoedge.targets.declaration import BUILTIN
from autoedge.workflows.opening import reopened_run
from autoedge.workflows.show import one_beginning
from autoedge.workflows.standing import Standing, figures
from autoedge.workflows.stored import stored_standings
from autoedge.workflows.unsearched import DELEGATE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from autoedge.candidate import Configuration
    from autoedge.workflows.run import Run


def build_if_possible(run: Run, standing: Standing, folder: Path) -> str:
    """Write a candidate's bundle, unless it runs on code that cannot come along: a plugin's, a delegate's library.

    Returns:
        Why there is no bundle, and then none of an earlier choice either; empty where there is one.

    Raises:
        BundleError: The folder holds something else.
        ModelError: Its model file cannot be made any more.
    """
    try:
        _check_own(standing.candidate.configuration)
    except BundleError as error:
        remove_bundle(folder)
        return f"there is no bundle: {error}"
    build_for(run, standing, folder)
    return ""


def build_for(run: Run, standing: Standing, folder: Path) -> None:
    """Write a candidate's bundle.

    Raises:
        BundleError: The folder holds something else, or the candidate runs on code that cannot come along.
        ModelError: Its model file cannot be made any more.
    """
    configuration = standing.candidate.configuration
    _check_own(configuration)
    site = run.sites[standing.candidate.target]
    info = run.shelf.form(configuration).info
    variant = run.shelf.variant(configuration)
    row = standing.evidence.measurements[0]
    shown: dict[str, Any] = figures(standing)
    record = run.shelf.inputs(configuration).record(configuration.knobs, configuration.batch)
    spec = BundleSpec(
        candidate=standing.candidate,
        model_file=variant.path,
        suffix=variant.suffix,
        model_hash=row.variant_hash,
        inputs=info.inputs,
        outputs=info.outputs,
        scores=run.prepared.task.scores.get(configuration.model),
        device=site.device,
        result=standing.result,
        protocol=site.protocol,
        runtime_version=row.runtime_version,
        verdict={"outcome": shown["outcome"], "decisions": shown["decisions"]},
        intent=run.folder.intent.read_text(encoding="utf-8"),
        tools=_tools(info.format, configuration.runtime),
        data_hash=run.prepared.task.data_hash,
        task=run.intent.task,
        preprocessing=record if record["steps"] or record["shapes"] else None,
        counted=run.prepared.task.counted(configuration.model) if run.intent.task != "classification" else (),
    )
    build_bundle(spec, folder)


def _check_own(configuration: Configuration) -> None:
    """All code that a bundle runs is AutoEdge's own.

    Raises:
        BundleError: The candidate runs on a plugin's runtime, or on a delegate.
    """
    place_of(configuration.runtime)
    delegate = configuration.knobs.get(DELEGATE, BUILTIN)
    if delegate != BUILTIN:
        raise BundleError(
            f"a bundle brings no library of a delegate along, but the candidate runs on '{delegate}'; limit the search "
            f"with knobs: {{delegate: [{BUILTIN}]}} for one that has a bundle"
        )


def build_stored(root: Path, candidate_id: str, out: Path | None = None, *, trust: Iterable[Path] = ()) -> Path:
    """Write the bundle of another point of a stored run, labelled by its own verdict.

    Args:
        root: The run folder.
        candidate_id: Or the beginning of one.
        out: The bundle's folder; by default ``bundle-ID`` in the run folder, with the target where there are several.
        trust: Files and folders whose code may be loaded.

    Raises:
        IntentError: No measured candidate, or several, have that id.
        StoreError: The folder holds no run.
    """
    with reopened_run(root, trust=trust) as run:
        standings = stored_standings(run)
        name = one_beginning(candidate_id, list(standings))
        config_id, _, target = name.partition("@")
        folder = out or root / "-".join(["bundle", config_id, *([target] if len(run.sites) > 1 else [])])
        build_for(run, standings[name], folder)
        return folder


def _tools(suffix: str, runtime: str) -> dict[str, str]:
    """Versions of what made a bundle and its model."""
    used = {"autoedge": metadata.version("autoedge"), "numpy": metadata.version("numpy"), **tools(suffix, runtime)}
    return {name: version for name, version in used.items() if version is not None}

"""Bundles of measured candidates: the chosen one, or another point of a stored run with its own verdict."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from autoedge.deploy.bundle import BundleSpec, build_bundle
from autoedge.workflows.opening import reopened_run
from autoedge.workflows.show import one_beginning
from autoedge.workflows.standing import Standing, figures
from autoedge.workflows.stored import stored_standings

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.workflows.run import Run

_TOOLS = ("autoedge", "numpy", "onnx", "onnxruntime")


def build_for(run: Run, standing: Standing, folder: Path) -> None:
    """Write a candidate's bundle.

    Raises:
        BundleError: The folder holds something else.
        ModelError: Its model file cannot be made any more.
    """
    configuration = standing.candidate.configuration
    site = run.sites[standing.candidate.target]
    info = run.prepared.infos[configuration.model]
    variant = run.shelf.variant(configuration)
    row = standing.evidence.measurements[0]
    shown: dict[str, Any] = figures(standing)
    spec = BundleSpec(
        candidate=standing.candidate,
        model_file=variant.path,
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
        tools={name: metadata.version(name) for name in _TOOLS},
        data_hash=run.prepared.task.data_hash,
    )
    build_bundle(spec, folder)


def build_stored(root: Path, candidate_id: str, out: Path | None = None) -> Path:
    """Write the bundle of another point of a stored run, labelled by its own verdict.

    Args:
        root: The run folder.
        candidate_id: Or the beginning of one.
        out: The bundle's folder; by default ``bundle-ID`` in the run folder, with the target where there are several.

    Raises:
        IntentError: No measured candidate, or several, have that id.
        StoreError: The folder holds no run.
    """
    with reopened_run(root) as run:
        standings = stored_standings(run)
        name = one_beginning(candidate_id, list(standings))
        config_id, _, target = name.partition("@")
        folder = out or root / "-".join(["bundle", config_id, *([target] if len(run.sites) > 1 else [])])
        build_for(run, standings[name], folder)
        return folder

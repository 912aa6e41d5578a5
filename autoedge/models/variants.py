"""Make variants of a model, once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache as once
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.models import child
from autoedge.models.child import CONVERSION, Limits
from autoedge.models.formats import kind_of
from autoedge.models.makers import CALIBRATED, MAKERS
from autoedge.models.packages import version_of
from autoedge.registry import places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.candidate import Scalar
    from autoedge.models.cache import VariantCache
    from autoedge.models.info import ModelInfo

# Raised whenever the same recipe would give other bytes, so that no cache hands out yesterday's.
RECIPE_VERSION = 1


@dataclass(frozen=True)
class Variant:
    """A model file made from the user's model.

    Attributes:
        recipe: What it was made by.
        path: The file, in the cache; not to be changed.
        sha256: Of its bytes.
        size_bytes: Of the file.
        suffix: Of its kind of file: ``.onnx``; ``.ir.zip`` for OpenVINO's own form in one file.
    """

    recipe: Mapping[str, Scalar]
    path: Path
    sha256: str
    size_bytes: int
    suffix: str


def make_variant(
    model: Path,
    info: ModelInfo,
    recipe: Mapping[str, Scalar],
    *,
    runtime: str,
    cache: VariantCache,
    calibration: Path | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    inputs: Mapping[str, Any] | None = None,
    limits: Limits = CONVERSION,
) -> Variant:
    """The variant of a model by a recipe, from the cache or made now; equal inputs give equal bytes.

    ``{"precision": info.precision}`` is the model as given, in one file. What else there is says
    ``autoedge.models.makers``; it is made of float32 models. Each variant was loaded and run once before it is handed
    out.

    Args:
        model: The user's file.
        info: What ``inspect_model`` said of it.
        recipe: What to make.
        runtime: Name of the runtime that is to execute it.
        cache: Where it is kept.
        calibration: npz with samples for ``int8-static``.
        shapes: By input, a shape to try it with; None where the model itself says enough.
        inputs: By input, the steps that calibration data go through; None where they are fed as they are stored.
        limits: For the child process that makes it.

    Raises:
        ModelError: It cannot be made, and why.
        StoreError: The cache cannot be written.
    """
    recipe = dict(sorted(recipe.items()))
    _check(model, info, recipe, runtime, calibration)
    calibration = calibration if recipe["precision"] in CALIBRATED else None
    job = _Job(model, info, recipe, runtime, calibration, shapes or {}, limits, dict(inputs or {}))
    made_of = job.made_of()
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    path = cache.get(key)
    if path is None:
        with cache.making(key) as work:
            path = cache.get(key)  # another process may have made it while this one waited
            if path is None:
                sha256 = cache.add_file(job.make(work))
                if job.made_of() != made_of:
                    raise ModelError(f"{calibration}: the calibration data changed while they were used; start again")
                cache.put(key, sha256, made_of)
                path = cache.blob(sha256)
    return Variant(recipe, path, path.name, path.stat().st_size, kind_of(path, info.format))


@dataclass(frozen=True)
class _Job:
    """One variant to make."""

    model: Path
    info: ModelInfo
    recipe: dict[str, Scalar]
    runtime: str
    calibration: Path | None
    shapes: Mapping[str, tuple[int, ...]]
    limits: Limits
    inputs: Mapping[str, Any]

    def made_of(self) -> dict[str, Any]:
        """Everything that the variant's bytes depend on."""
        prepared = {"inputs": dict(self.inputs)} if self.calibration and self.inputs else {}
        return {
            **prepared,
            "model": self.info.sha256,
            "recipe": self.recipe,
            "calibration": _sha256(self.calibration) if self.calibration else None,
            "runtime": self.runtime,
            "tools": {**tools(self.info.format, self.runtime), "recipe": RECIPE_VERSION},
        }

    def make(self, work: Path) -> Path:
        """Make it in a child process."""
        output = work.absolute() / f"variant{self.info.format}"
        job = {
            "model": str(self.model.absolute()),
            "info": self.info.to_dict(),
            "recipe": self.recipe,
            "runtime": self.runtime,
            "place": places("autoedge.runtimes")[self.runtime],
            "calibration": str(self.calibration.absolute()) if self.calibration else None,
            "shapes": {name: list(shape) for name, shape in self.shapes.items()},
            "inputs": dict(self.inputs),
            "work": str(work.absolute()),
            "output": str(output),
        }
        child.run("autoedge.models.converter", job, subject=self.model, role="converter", limits=self.limits)
        return output


def _check(model: Path, info: ModelInfo, recipe: Mapping[str, Scalar], runtime: str, calibration: Path | None) -> None:
    precision = recipe.get("precision")
    maker = MAKERS.get((info.format, runtime))
    recipes = {} if maker is None else maker.recipes
    as_given = precision == info.precision
    if not as_given and precision not in recipes:
        known = ", ".join(sorted({info.precision, *recipes}))
        raise ModelError(
            f"{model}: for {runtime}, this {info.precision} model can become one of {known}, but not {precision!r}"
        )
    if not as_given and info.precision != "fp32":
        raise ModelError(f"{model}: {precision} is made of an fp32 model, but this one is {info.precision} already")
    if not as_given and maker is not None and maker.missing:
        raise ModelError(f"{model}: {precision}: {maker.missing}")
    options = {} if as_given else recipes[str(precision)]
    given = {name: value for name, value in recipe.items() if name != "precision"}
    if given.keys() != options.keys() or any(value not in options[name] for name, value in given.items()):
        wanted = "; ".join(f"{name}: {' or '.join(levels)}" for name, levels in options.items()) or "nothing else"
        raise ModelError(f"{model}: a recipe for {precision} takes {wanted}, but got {given}")
    if precision in CALIBRATED and not as_given:
        if calibration is None:
            raise ModelError(f"{model}: static int8 needs calibration data; add data: {{calibration: FILE.npz}}")
        if not calibration.is_file():
            raise ModelError(f"{model}: its calibration data {calibration} do not exist")


@once
def tools(suffix: str, runtime: str) -> dict[str, str | None]:
    """Versions of what makes variants of a format for a runtime."""
    maker = MAKERS.get((suffix, runtime))
    return {} if maker is None else {package: version_of(package) for package in maker.packages}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: the calibration data cannot be read: {error.strerror}") from error

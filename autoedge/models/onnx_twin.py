"""The ONNX model that computes what a classical model does, made once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.models import child
from autoedge.models.agreement import Agreement
from autoedge.models.child import CONVERSION, Limits
from autoedge.models.packages import version_of, what_to_install
from autoedge.registry import places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.models.cache import VariantCache
    from autoedge.models.info import ModelInfo

# Raised whenever the same model would give other bytes, so that no cache hands out yesterday's.
_VERSION = 1
TOOLS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((".skops", ".pkl", ".joblib"), ("skl2onnx", "scikit-learn", "onnx")),
    ".txt": ("onnxmltools", "skl2onnx", "lightgbm", "onnx"),
}
"""By format that can be converted, the distributions that do it."""
_EXTRA = "classical"
_RUNTIMES = {".txt": "lightgbm"}


@dataclass(frozen=True)
class OnnxTwin:
    """An ONNX model made of a classical one.

    Attributes:
        path: The file, in the cache; not to be changed.
        agreement: With the original on the user's data; None without data.
    """

    path: Path
    agreement: Agreement | None


def to_onnx(
    path: Path,
    info: ModelInfo,
    cache: VariantCache,
    *,
    samples: Path | None = None,
    limits: Limits = CONVERSION,
) -> OnnxTwin:
    """A scikit-learn or LightGBM model as ONNX, from the cache or made now; equal models give equal bytes.

    Input ``x`` is float32 with a free batch; the only output has the name and the columns that ``info`` says. A pickle
    is opened, so that this is called for trusted ones alone.

    Args:
        path: The user's file.
        info: What ``inspect_model`` said of it.
        cache: Where the ONNX file is kept.
        samples: npz file with the user's evaluation data, on which both are compared; ``Agreement`` says how.
        limits: For the child process.

    Raises:
        ModelError: There is no such ONNX model, a converter is missing, or fewer than 99 % of the answers are the same.
        StoreError: The cache cannot be written.
    """
    if info.format not in TOOLS:
        raise ModelError(f"{path}: {', '.join(TOOLS)} can be converted to ONNX, but this is {info.format}")
    missing = what_to_install(TOOLS[info.format], _EXTRA)
    if missing:
        raise ModelError(f"{path}: {missing}")
    job = _Job(path, info, None, limits)
    made_of = job.made_of()
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    with cache.making(key) as work:
        made = cache.get(key)
        if made is None:
            output = work.absolute() / "twin.onnx"
            job.run(work, output)
            sha256 = cache.add_file(output)
            cache.put(key, sha256, made_of)
            made = cache.blob(sha256)
    found = None if samples is None else _agreement(replace(job, samples=samples), made, cache)
    if found is not None and found.refusal:
        raise ModelError(f"{path}: {found.refusal}")
    return OnnxTwin(made, found)


def _agreement(job: _Job, made: Path, cache: VariantCache) -> Agreement | None:
    """How far a conversion agrees with its original on the user's data; found out once, as both are run for it."""
    assert job.samples is not None  # noqa: S101 - for the type checker: nobody asks without
    with job.samples.open("rb") as file:
        data = hashlib.file_digest(file, "sha256").hexdigest()
    made_of = {**job.made_of(), "converted": made.name, "agreement on": data, "engine": version_of("onnxruntime")}
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    with cache.making(key) as work:
        known = cache.get(key)
        if known is not None:
            return Agreement(**json.loads(known.read_text(encoding="utf-8")))
        found = job.run(work, made)
        if found is not None:
            file_of_it = work / "agreement.json"
            file_of_it.write_text(json.dumps(asdict(found)), encoding="utf-8")
            cache.put(key, cache.add_file(file_of_it), made_of)
    return found


@dataclass(frozen=True)
class _Job:
    """One model to convert or, where there are samples, to compare with its conversion."""

    model: Path
    info: ModelInfo
    samples: Path | None
    limits: Limits

    def made_of(self) -> dict[str, Any]:
        """Everything that the bytes of the conversion depend on."""
        versions = {package: version_of(package) for package in TOOLS[self.info.format]}
        return {"model": self.info.sha256, "format": self.info.format, "twin": _VERSION, "tools": versions}

    def run(self, work: Path, output: Path) -> Agreement | None:
        """Do it in a child process."""
        known = places("autoedge.runtimes")
        job: dict[str, Any] = {
            "model": str(self.model.absolute()),
            "info": self.info.to_dict(),
            "work": str(work.absolute()),
            "output": str(output.absolute()),
            "samples": None if self.samples is None else str(self.samples.absolute()),
            "places": {
                "original": known[_RUNTIMES.get(self.info.format, "scikit-learn")],
                "converted": known["onnxruntime"],
            },
        }
        worker = "autoedge.models.estimator_converter"
        answer = child.run(worker, job, subject=self.model, role="converter", limits=self.limits)
        return None if answer is None else Agreement(**answer)

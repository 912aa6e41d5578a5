"""The model files that can be given, by suffix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.models.packages import what_to_install

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Format:
    """One kind of model file.

    Attributes:
        module: Has ``look(path)``, which gives a ``ModelInfo`` without executing the file, and ``pack(path, into)``,
            which writes the model as one file that its runtime loads and returns ``ModelInfo.sha256``. Both raise
            ``ModelError`` and run in a child process.
        packages: Distributions that it takes.
        extra: AutoEdge's extra that installs them, empty where the base install has them.
        code: Whether loading such a file may execute what lies in it, so that it takes trust.
    """

    module: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    code: bool = False

    @property
    def missing(self) -> str:
        """What to install before such a file can be looked into; empty when nothing is missing."""
        return what_to_install(self.packages, self.extra)


FORMATS: Mapping[str, Format] = {
    ".onnx": Format("autoedge.models.onnx_file"),
    ".zip": Format("autoedge.models.ir_file", ("openvino",), "openvino"),  # an IR as bundles hold it
    ".xml": Format("autoedge.models.ir_file", ("openvino",), "openvino"),
    ".skops": Format("autoedge.models.estimator_file", ("skops",), "classical"),
    ".pkl": Format("autoedge.models.estimator_file", code=True),
    ".joblib": Format("autoedge.models.estimator_file", code=True),
    ".txt": Format("autoedge.models.lightgbm_file"),
    ".tflite": Format("autoedge.models.tflite_file", ("ai-edge-litert",), "litert"),
}


_ZIP = b"PK\x03\x04"


def kind_of(path: Path, made_of: str) -> str:
    """Suffix of a packed file or a variant: that of what it is made of, but for OpenVINO's own form in one file.

    Args:
        path: The file.
        made_of: Suffix of the model that it is made of.
    """
    with path.open("rb") as file:
        packed = file.read(len(_ZIP)) == _ZIP
    return ".ir.zip" if packed and made_of in (".onnx", ".xml") else made_of

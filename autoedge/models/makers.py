"""Which module makes which variants for which runtime, with which tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.models.packages import what_to_install

if TYPE_CHECKING:
    from collections.abc import Mapping

EDGE_TPU_COMPILER = "edgetpu_compiler"
"""The program without which nothing can be made for an Edge TPU."""
CALIBRATED = frozenset({"int8-static", "int8-edgetpu"})
"""Precisions that take the user's calibration data."""
ELSEWHERE = frozenset({"int8-edgetpu"})
"""Precisions of which variants run on their accelerator alone, so that they cannot be tried where they are made."""
LOSSY = frozenset({"fp16", "int8-dynamic", "int8-static", "int8-edgetpu", "int8-weight", "int4-weight"})
"""Precisions that may cost quality."""


@dataclass(frozen=True)
class Maker:
    """What makes variants of one file format for one runtime.

    Attributes:
        module: Has ``convert(Conversion)``, which writes the variant or raises ``ModelError``; runs in a child process.
        packages: Distributions that do the work, so that their versions decide the bytes.
        extra: AutoEdge's extra that installs them, empty where the base install has them.
        recipes: By precision, the options of its recipe with their levels.
        later: Those of the packages that not every precision takes: the module says so where one is missing.
    """

    module: str
    packages: tuple[str, ...]
    extra: str
    recipes: Mapping[str, Mapping[str, tuple[str, ...]]]
    later: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """What to install before it can work; empty when nothing is missing."""
        return what_to_install([name for name in self.packages if name not in self.later], self.extra)


_OPENVINO = Maker(
    "autoedge.models.openvino_variants",
    ("openvino", "nncf"),
    "openvino",
    {"fp16": {}, "int8-static": {"preset": ("performance", "mixed")}, "int8-weight": {}, "int4-weight": {}},
    later=("nncf",),
)
MAKERS: Mapping[tuple[str, str], Maker] = {
    (".onnx", "onnxruntime"): Maker(
        "autoedge.models.onnx_variants",
        ("onnx", "onnxruntime"),
        "",
        {
            "fp16": {},
            "int8-dynamic": {},
            "int8-static": {
                "calibration": ("minmax", "entropy", "percentile"),
                "granularity": ("tensor", "channel"),
            },
            "int8-weight": {},
            "int4-weight": {},
        },
    ),
    (".onnx", "openvino"): _OPENVINO,
    (".xml", "openvino"): _OPENVINO,
    (".tflite", "litert"): Maker(
        "autoedge.models.litert_variants",
        ("ai-edge-litert", "ai-edge-quantizer"),
        "litert",
        {
            **{name: {} for name in ("fp16", "int8-weight", "int4-weight", "int8-static")},
            "int8-dynamic": {"granularity": ("channel", "tensor")},
            "int8-edgetpu": {},
        },
    ),
}
"""By format and runtime."""

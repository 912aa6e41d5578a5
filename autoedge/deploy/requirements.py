"""What pip has to install before a bundle runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from autoedge.deploy.parts import place_of

if TYPE_CHECKING:
    from autoedge.candidate import Configuration

_NUMPY = "numpy>=1.26"
_PILLOW = "pillow>=10"
# Builds of ONNX Runtime that have a provider which its plain package lacks.
_BUILDS = {"openvino": "onnxruntime-openvino", "cuda": "onnxruntime-gpu", "tensorrt": "onnxruntime-gpu"}
# The last release under LiteRT's earlier name; it was built for numpy 1.
_OLD_LITERT = "2.14.0"


def requirements(configuration: Configuration, version: str, *, images: bool = False) -> str:
    """The text of ``requirements.txt``.

    Args:
        configuration: What is deployed.
        version: Of the runtime that it was measured with.
        images: Whether images are decoded or resized.

    Raises:
        BundleError: The runtime is none of AutoEdge's own.
    """
    module, name = place_of(configuration.runtime)
    runtime = getattr(import_module(f"autoedge.{module}"), name)
    package, needs = runtime.packages[0], (*runtime.needs, _NUMPY)
    if configuration.runtime == "onnxruntime":
        package = _BUILDS.get(str(configuration.knobs.get("provider")), package)
    if configuration.runtime == "litert" and version == _OLD_LITERT:
        package, needs = "tflite-runtime", ("numpy<2",)
    needs = (*needs, _PILLOW) if images else needs
    return "\n".join([f"{package}=={version}", *dict.fromkeys(needs)]) + "\n"

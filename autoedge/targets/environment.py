"""Put on a device what the agent needs: an environment of its own with numpy, psutil and runtimes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.errors import IntentError, TargetError
from autoedge.intent.problem import escaped, shown, suggestion
from autoedge.targets.connection import connect
from autoedge.targets.deadline import Allowed
from autoedge.targets.declaration import PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoedge.targets.declaration import DeclaredTarget

# What pip installs for a runtime.
PACKAGES = {
    "onnxruntime": ("onnxruntime",),
    "litert": ("ai-edge-litert",),
    "openvino": ("openvino",),
    "scikit-learn": ("scikit-learn", "skops"),
    "lightgbm": ("lightgbm",),
}
_NEEDED = ("numpy", "psutil", "pillow")  # Pillow decodes and resizes images
_SILENCE_S = 600.0  # a large download, or a package that is built there, says nothing for long
_CONNECT_S = 40.0
_LONGEST_S = 4 * 3600.0  # packages that are built on a small board


def make_environment(
    declared: DeclaredTarget, runtimes: Sequence[str], *, python: str | None, on_step: Callable[[str], None]
) -> dict[str, str]:
    """Make or renew the environment below the target's folder.

    Args:
        declared: The device.
        runtimes: Names of runtimes to install.
        python: Interpreter there to make it from; None for the declared one.
        on_step: Told of each step and of each line that pip prints.

    Returns:
        Installed packages with their versions.

    Raises:
        IntentError: The target is this machine, or a runtime is not known.
        TargetError: It cannot be made; says what to do.
    """
    if declared.address is None:
        raise IntentError(
            f"target '{declared.name}' is this machine and uses AutoEdge's own Python: pip install {' '.join(runtimes)}"
        )
    unknown = [name for name in runtimes if name not in PACKAGES]
    if unknown:
        raise IntentError(f"no runtime is called {shown(unknown[0])}{suggestion(unknown[0], PACKAGES)}")
    packages = [*_NEEDED, *(package for name in runtimes for package in PACKAGES[name])]
    own = environment_python(declared)
    base = python or (PYTHON if declared.python == own else declared.python)
    request = {"folder": declared.folder, "python": base, "packages": packages}
    link = connect(declared, "environment.py", request, patience_s=_CONNECT_S)
    try:
        answer = link.answer(patience_s=_SILENCE_S, allowed=Allowed(_LONGEST_S), on_phase=on_step)
    finally:
        link.close()
    versions = answer.body.get("versions")
    if not isinstance(versions, dict):
        raise TargetError(f"target '{declared.name}': does not say what was installed")
    return {name: escaped(str(versions.get(name)))[:40] for name in packages}


def environment_python(declared: DeclaredTarget) -> str:
    """The interpreter of the environment, as ``python`` of the targets file names it."""
    return f"{declared.folder}/env/bin/python"

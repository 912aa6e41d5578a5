"""What runs on the device keeps to Python 3.9 and to its few packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "autoedge"
FOLDERS = ("agent", "runtimes", "meters", "preprocessing")
DEVICE_CODE = [
    PACKAGE / "errors.py",
    *sorted(path for name in FOLDERS for path in (PACKAGE / name).rglob("*.py")),
]
# Instruments' packages are imported by the meter that needs one, when it is opened; typing_extensions for types alone.
INSTRUMENTS = {"serial", "cryptography", "pynvml", "pyjoulescope_driver", "typing_extensions"}
# Engines by the runtime that is asked for; Pillow where a candidate resizes images.
ENGINES = {"onnxruntime", "ai_edge_litert", "tflite_runtime", "openvino", "lightgbm", "sklearn", "skops", "joblib"}
LATE = {*INSTRUMENTS, *ENGINES, "threadpoolctl", "PIL"}
ALLOWED = {"autoedge", "numpy", "psutil"} | LATE | set(sys.stdlib_module_names)
OWN = {"autoedge.agent", "autoedge.runtimes", "autoedge.meters", "autoedge.preprocessing", "autoedge.errors"}


@pytest.mark.parametrize("path", DEVICE_CODE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_syntax_and_imports(path: Path) -> None:
    """The file parses as Python 3.9 and imports nothing but the standard library, its packages and its own layer."""
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    assert {module.partition(".")[0] for module in modules} <= ALLOWED
    ours = {".".join(module.split(".")[:2]) for module in modules if module.startswith("autoedge")}
    assert ours <= OWN


@pytest.mark.parametrize("path", DEVICE_CODE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_engines_and_instruments_are_imported_late(path: Path) -> None:
    """No file needs an engine's or an instrument's package merely to be imported."""
    named = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named.add(node.module.partition(".")[0])
    assert not named & LATE


def test_the_library_imports_at_once() -> None:
    """Importing autoedge, and asking the command line for help, loads none of the heavy packages."""
    heavy = (
        "numpy",
        "pandas",
        "optuna",
        "lightgbm",
        "sklearn",
        "onnx",
        "onnxruntime",
        "sqlalchemy",
        "pydantic",
        "pint",
    )
    code = (
        "import sys, autoedge; from autoedge_cli.main import run; run(['--help']);"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"

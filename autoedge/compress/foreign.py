"""Load the user's own code and weights; only ever called in the child process, and only with trust."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from autoedge.errors import ModelError

if TYPE_CHECKING:
    from types import ModuleType

    from torch import nn


def build(place: str, folder: Path) -> nn.Module:
    """The model that a function of the user's returns.

    Args:
        place: ``module:function``; the module lies in ``folder``, and may import what lies beside it.
        folder: The spec's.

    Raises:
        ModelError: There is no such module or function, it fails, or it returns something else.
    """
    from torch import nn

    module_name, _, name = place.partition(":")
    module = _import(module_name, folder)
    function = getattr(module, name, None)
    if not callable(function):
        known = ", ".join(sorted(key for key, value in vars(module).items() if callable(value) and key[0] != "_"))
        raise ModelError(
            f"{place}: a model is a function in its module, but {module_name} has no {name}; it has {known}"
        )
    try:
        model = function()
    except Exception as error:  # it is the user's code and may raise anything
        raise ModelError(f"{place}: the function failed: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{place}: a model is a torch.nn.Module, but the function returned {type(model).__name__}")
    return model


def _import(name: str, folder: Path) -> ModuleType:
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    if not path.is_file():
        raise ModelError(f"a model's module lies in the spec's folder, but there is no {path}")
    there = sys.modules.get(name)
    if there is not None:
        if Path(getattr(there, "__file__", None) or "").resolve() != path.resolve():
            raise ModelError(f"{path}: {name} is the name of another module; rename the file")
        return there
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # last: a file called onnx.py beside the spec is not to be PyTorch's onnx
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path}: Python cannot import it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is the user's code and may raise anything
        raise ModelError(f"{path}: the module failed: {type(error).__name__}: {error}") from error
    return module


def load_weights(model: nn.Module, path: Path) -> None:
    """Put a state dict into a model; tensors alone are read, never objects.

    Raises:
        ModelError: The file holds something else, or tensors of other names or shapes.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of other kinds, which are refused right after
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise ModelError(f"{path}: weights are a state dict as torch.save writes it, but: {first}") from error
    if not isinstance(state, dict):
        raise ModelError(f"{path}: weights are a state dict, but the file holds a {type(state).__name__}")
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"{path}: the weights do not fit the model: {' '.join(str(error).split())}") from error


def imported(folder: Path) -> dict[str, str]:
    """SHA-256 of the files below a folder that were imported, by their paths in it: what the models depend on.

    An environment that lies in the folder is not among them.
    """
    found = {}
    for module in list(sys.modules.values()):
        path = Path(getattr(module, "__file__", None) or "")
        if path.is_absolute() and path.resolve().is_relative_to(folder) and "site-packages" not in path.parts:
            found[str(path.resolve().relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return dict(sorted(found.items()))

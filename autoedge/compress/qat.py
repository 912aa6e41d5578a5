"""Quantisation-aware fine-tuning: put the rounding of int8 into a model, where ONNX Runtime will round."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from autoedge.compress.fake_quant import WEIGHTED, Activation, Weighted
from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autoedge.compress.data import Samples

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_CLIPS: tuple[Any, ...] = (nn.ReLU, nn.ReLU6, torch.relu, nn.functional.relu, nn.functional.relu6, "relu", "relu_")
# What gives values of the grid that it is given.
_PASSES: tuple[Any, ...] = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.Flatten, nn.Dropout, nn.Dropout2d, nn.Identity, nn.Unflatten),
    *(torch.flatten, torch.reshape, torch.permute, torch.transpose, torch.squeeze, torch.unsqueeze),
    *("flatten", "reshape", "view", "permute", "transpose", "squeeze", "unsqueeze", "contiguous"),
    *(nn.functional.max_pool2d, nn.functional.max_pool1d, nn.functional.dropout),
)
# What ONNX Runtime computes on integers when inputs and output lie on grids.
_JOINS: tuple[Any, ...] = (
    *(operator.add, operator.iadd, torch.add, "add", "add_", operator.mul, torch.mul, torch.cat),
    *(nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.functional.avg_pool2d, nn.functional.adaptive_avg_pool2d),
)
_CALIBRATED_BATCH = 64


def quantised(model: nn.Module) -> fx.GraphModule:
    """A model that computes as ``model`` does, with places where values will be rounded; nothing is rounded yet.

    Batch normalisation is folded into the layer before it. Rounded are the inputs and weights of convolutions and
    linear layers, and what lies between such layers; what nobody reads as integers stays in float32.

    Raises:
        ModelError: Its computation depends on the data, or it has no such layer.
    """
    try:
        graph = fx.symbolic_trace(model.eval())
    except Exception as error:  # the user's code meets stand-ins for tensors, and may raise anything
        raise ModelError(
            "quantisation-aware training takes a model whose steps do not depend on the data, as torch.fx can trace: "
            f"{type(error).__name__}: {error}"
        ) from error
    modules = dict(graph.named_modules())
    _fold_norms(graph, modules)
    rounded = _rounded(graph, dict(graph.named_modules()))
    if not rounded:
        raise ModelError("int8 needs convolutions or linear layers as modules of the model, but it has none")
    _insert(graph, rounded)
    for name, module in list(graph.named_modules()):
        if type(module) in WEIGHTED:
            graph.set_submodule(name, Weighted(module))
    graph.recompile()
    return graph


def calibrate(graph: nn.Module, samples: Samples) -> None:
    """Learn the ranges of all activations from samples, and round from now on."""
    graph.eval()
    with torch.no_grad():
        for batch in samples.batches(torch.arange(len(samples)), _CALIBRATED_BATCH):
            graph(*batch.inputs)
    for module in graph.modules():
        if isinstance(module, (Activation, Weighted)):
            module.rounding = True


def _fold_norms(graph: fx.GraphModule, modules: Mapping[str, nn.Module]) -> None:
    for node in list(graph.graph.nodes):
        layer = _module(node, modules)
        if type(layer) not in WEIGHTED or len(node.users) != 1 or _uses(graph, node.target) > 1:
            continue
        (norm,) = node.users
        module = _module(norm, modules)
        if not isinstance(module, _NORMS) or module.running_mean is None:
            continue
        fuse: Any = fuse_linear_bn_eval if isinstance(layer, nn.Linear) else fuse_conv_bn_eval
        folded = fuse(layer, module).requires_grad_(True)  # noqa: FBT003 - a new bias would not be trained
        graph.set_submodule(str(node.target), folded)
        norm.replace_all_uses_with(node)
        graph.graph.erase_node(norm)
    graph.delete_all_unused_submodules()


def _rounded(graph: fx.GraphModule, modules: Mapping[str, nn.Module]) -> dict[fx.Node, fx.Node]:
    """The values to round, each with the one whose grid it lies on: its own, unless it was passed on."""
    grids: dict[fx.Node, fx.Node] = {}
    for node in graph.graph.nodes:
        inputs = node.all_input_nodes
        if type(_module(node, modules)) in WEIGHTED:
            grids.setdefault(inputs[0], inputs[0])
            wanted = True
        elif _is(node, _PASSES, modules) or (_is(node, _CLIPS, modules) and inputs[0] in grids):
            if inputs[0] in grids and _read_as_integers(node, modules):
                grids.setdefault(node, grids[inputs[0]])
            continue
        else:
            wanted = _is(node, _JOINS, modules) and all(each in grids for each in inputs)
        if wanted:
            result = _behind_clip(node, modules)
            if _read_as_integers(result, modules):
                grids.setdefault(result, result)
    return grids


def _behind_clip(node: fx.Node, modules: Mapping[str, nn.Module]) -> fx.Node:
    """The ReLU that alone reads a value, else the value: the range of what is rounded then does the clipping."""
    users = list(node.users)
    return users[0] if len(users) == 1 and _is(users[0], _CLIPS, modules) else node


def _read_as_integers(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether anything that can compute on integers reads a value."""
    return any(
        type(_module(user, modules)) in WEIGHTED
        or _is(user, _JOINS, modules)
        or ((_is(user, _PASSES, modules) or _is(user, _CLIPS, modules)) and _read_as_integers(user, modules))
        for user in node.users
    )


def _insert(graph: fx.GraphModule, grids: Mapping[fx.Node, fx.Node]) -> None:
    names = {owner: f"grid_{index}" for index, owner in enumerate(dict.fromkeys(grids.values()))}
    for name in names.values():
        graph.add_submodule(name, Activation())
    for node, owner in grids.items():
        with graph.graph.inserting_after(node):
            put = graph.graph.call_module(names[owner], (node,))
        for user in [one for one in node.users if one is not put]:
            user.replace_input_with(node, put)


def _module(node: fx.Node, modules: Mapping[str, nn.Module]) -> nn.Module | None:
    return modules.get(str(node.target)) if node.op == "call_module" else None


def _is(node: fx.Node, kinds: Iterable[Any], modules: Mapping[str, nn.Module]) -> bool:
    """Whether a step is one of some modules, functions or methods."""
    module = _module(node, modules)
    return node.op.startswith("call_") and (node.target if module is None else type(module)) in kinds


def _uses(graph: fx.GraphModule, target: Any) -> int:
    return sum(node.op == "call_module" and node.target == target for node in graph.graph.nodes)

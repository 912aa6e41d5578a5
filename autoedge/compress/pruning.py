"""Take whole channels out of a model, with what depends on them.

Torch-Pruning (Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023, arXiv:2301.12900) follows residual
connections, groups and concatenations from the recorded computation, so that any model works whose gradients do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

_ROUNDING = 1e-9  # 10 * (1 - 0.9) is a little below 1


def prune(model: nn.Module, examples: tuple[Tensor, ...], ratio: float) -> None:
    """Take the same share of channels out of every layer, those of least weight (L1 norm of all that goes with them).

    What the model returns keeps its shape.

    Args:
        model: Changed in place.
        examples: One input each, with samples.
        ratio: Share to take out, above 0 and below 1; a layer keeps the rest rounded down.

    Raises:
        ModelError: A layer would keep no channel, there is nothing to take out, or the model cannot be followed.
    """
    import torch_pruning

    model.eval()
    try:
        kept = _last_layers(model, examples)
        pruner = torch_pruning.pruner.BasePruner(
            model,
            examples,
            importance=torch_pruning.importance.GroupMagnitudeImportance(p=1),
            pruning_ratio=ratio - _ROUNDING,
            ignored_layers=kept,
        )
        _check(pruner, model, kept, ratio)
        before = _parameters(model)
        pruner.step()
    except ModelError:
        raise
    except Exception as error:  # the library raises whatever its walk through the model meets
        raise ModelError(f"its layers cannot be followed: {type(error).__name__}: {error}") from error
    if _parameters(model) == before:
        raise ModelError(f"ratio {ratio:g} takes no channel out of any layer; take a larger one")


def _last_layers(model: nn.Module, examples: tuple[Tensor, ...]) -> list[nn.Module]:
    """Layers whose channels are the model's outputs, or are added to them."""
    import torch_pruning

    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=examples)
    last = []
    for group in graph.get_all_groups():
        reaches = any(graph.is_out_channel_pruning_fn(one.handler) and not one.target.outputs for one, _ in group)
        if reaches:
            last.append(group[0].dep.target.module)
    return last


def _check(pruner: Any, model: nn.Module, kept: list[nn.Module], ratio: float) -> None:
    """Every layer keeps a channel."""
    names = {module: name for name, module in model.named_modules()}
    found = False
    for group in pruner.DG.get_all_groups(ignored_layers=kept):
        found = True
        layer = group[0].dep.target.module
        channels = pruner.DG.get_out_channels(layer)
        if int(channels * (1 - ratio + _ROUNDING)) < 1:
            most = (channels - 1) / channels
            raise ModelError(
                f"a layer keeps at least one channel, but ratio {ratio:g} leaves none of the {channels} of "
                f"'{names.get(layer, '?')}'; take at most {most:.2g}"
            )
    if not found:
        raise ModelError("it has no convolution or linear layer before its last one, so there is nothing to take out")


def _parameters(model: nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())

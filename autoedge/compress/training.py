"""Train a model on the user's samples, with a teacher beside the labels where there is one."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autoedge.compress.data import CLASSIFICATION
from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from autoedge.compress.data import Samples
    from autoedge.compress.spec import Recipe

    Told = Callable[[int, float, float | None], None]

_WARM_UP = 0.1
_SCORED = 256
_WEIGHT_DECAY = 0.01
_STEEPEST = 1.0


@dataclass(frozen=True)
class Plan:
    """What all trainings of a spec share.

    Attributes:
        train: Samples to learn from.
        holdout: Samples that choose the epoch to keep, None to keep the last.
        task: ``classification`` or ``regression``.
        seed: Of the order of samples, of dropout, and of new weights.
    """

    train: Samples
    holdout: Samples | None
    task: str
    seed: int


def fit(model: nn.Module, teacher: nn.Module | None, recipe: Recipe, plan: Plan, told: Told) -> int:
    """Train a model in place, and put it into inference mode with the weights of its best epoch.

    AdamW (arXiv:1711.05101), the rate rising over a tenth of the steps and then falling as half a cosine
    (arXiv:1608.03983), gradients cut to length 1.

    Args:
        model: What to train.
        teacher: Whose outputs the loss follows, see ``loss_of``; None for labels alone.
        recipe: Epochs, batch, rate.
        plan: Samples, task and seed.
        told: Called after each epoch with its number from 1, the mean loss, and the holdout figure.

    Returns:
        The epoch whose weights were kept.

    Raises:
        ModelError: The loss is no number any more.
    """
    import torch

    train = plan.train
    if teacher is not None and recipe.alpha > 0:
        train = replace(train, taught=outputs(teacher, train))  # once: it sees the same samples in every epoch
    torch.manual_seed(plan.seed)
    size = min(recipe.batch, len(train))
    steps = len(train) // size
    optimizer = torch.optim.AdamW(
        [each for each in model.parameters() if each.requires_grad], recipe.rate, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _falling(recipe.epochs * steps))
    best, kept, state = -math.inf, recipe.epochs, None
    for epoch in range(1, recipe.epochs + 1):
        model.train()
        total = 0.0
        # A last, incomplete batch is dropped, since normalisation cannot learn from one sample; the order changes.
        for batch in train.batches(torch.randperm(len(train))[: steps * size], size):
            optimizer.zero_grad()
            loss = loss_of(model, batch, recipe, plan.task)
            if not torch.isfinite(loss):
                raise ModelError(
                    f"{recipe.name}: a loss is a finite number, but in epoch {epoch} it is {loss.item()}; "
                    f"lower rate, now {recipe.rate:g}"
                )
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), _STEEPEST)
            optimizer.step()
            schedule.step()
            total += loss.item()
        figure = None if plan.holdout is None else score(model, plan.holdout, plan.task)
        told(epoch, total / steps, figure)
        if figure is not None and _goodness(figure, plan.task) >= best:
            best, kept, state = _goodness(figure, plan.task), epoch, copy.deepcopy(model.state_dict())
    if state is not None:
        model.load_state_dict(state)
    model.eval()
    return kept


def loss_of(model: nn.Module, batch: Samples, recipe: Recipe, task: str) -> Tensor:
    """Cross-entropy or squared error against the labels, and with a teacher a share ``alpha`` against its output.

    The teacher's share of a classifier is the Kullback-Leibler divergence of scores softened by ``temperature``, times
    its square (Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", arXiv:1503.02531); of a
    regression the squared error.
    """
    from torch.nn import functional

    output = model(*batch.inputs)
    if task == CLASSIFICATION:
        loss = functional.cross_entropy(output, batch.targets)
    else:
        loss = functional.mse_loss(output.reshape(batch.targets.shape), batch.targets)
    if batch.taught is None:
        return loss
    if task == CLASSIFICATION:
        soft = [functional.log_softmax(each / recipe.temperature, dim=1) for each in (output, batch.taught)]
        apart = functional.kl_div(soft[0], soft[1], log_target=True, reduction="batchmean") * recipe.temperature**2
    else:
        apart = functional.mse_loss(output, batch.taught)
    return recipe.alpha * apart + (1 - recipe.alpha) * loss


def score(model: nn.Module, samples: Samples, task: str) -> float:
    """Accuracy of a classifier, mean squared error of a regression; the model is put into inference mode."""
    return figure_of(outputs(model, samples), samples.targets, task)


def outputs(model: nn.Module, samples: Samples) -> Tensor:
    """What a model gives for all samples; it is put into inference mode."""
    import torch

    model.eval()
    with torch.no_grad():
        every = [model(*batch.inputs) for batch in samples.batches(torch.arange(len(samples)), _SCORED)]
    return torch.cat(every)


def figure_of(output: Tensor, targets: Tensor, task: str) -> float:
    """Accuracy of scores, or mean squared error of values."""
    if task == CLASSIFICATION:
        return float((output.argmax(dim=1) == targets).double().mean())
    return float(((output.reshape(targets.shape) - targets).double() ** 2).mean())


def _goodness(figure: float, task: str) -> float:
    return figure if task == CLASSIFICATION else -figure


def _falling(steps: int) -> Callable[[int], float]:
    """Share of the highest rate at a step."""
    warm = max(1, round(_WARM_UP * steps))
    return lambda step: min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(step, steps) / steps))

"""Training: what the loss is, which epoch is kept, and that a seed gives the same result twice."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from autoedge.compress.data import Samples
from autoedge.compress.spec import Recipe
from autoedge.compress.training import Plan, fit, loss_of, score
from autoedge.errors import ModelError

RECIPE = Recipe("tiny-qat", "qat", epochs=4, batch=8, rate=0.05, alpha=0.0, temperature=2.0)


def samples(count: int = 40) -> Samples:
    """Points whose class is the larger of two numbers."""
    x = torch.rand(count, 2, generator=torch.Generator().manual_seed(count))
    return Samples((x,), x.argmax(dim=1))


def linear(seed: int = 0) -> nn.Linear:
    """Two scores of two numbers."""
    torch.manual_seed(seed)
    return nn.Linear(2, 2)


def silent(*_: object) -> None:
    """Listen to nothing."""


def test_the_teachers_share() -> None:
    """The loss is alpha times the softened divergence times the squared temperature, plus the rest of cross-entropy."""
    model, batch = linear(), samples()
    taught = torch.tensor([[2.0, 0.0]]).repeat(len(batch), 1)
    output = model(batch.inputs[0])
    p, q = (taught / 2).softmax(1), (output / 2).softmax(1)
    divergence = (p * (p.log() - q.log())).sum(1).mean() * 4
    labels = nn.functional.cross_entropy(output, batch.targets)
    got = loss_of(model, replace(batch, taught=taught), replace(RECIPE, alpha=0.7), "classification")
    assert got.item() == pytest.approx((0.7 * divergence + 0.3 * labels).item(), rel=1e-5)
    assert loss_of(model, batch, RECIPE, "classification").item() == pytest.approx(labels.item())


def test_a_regressions_teacher() -> None:
    """A regression follows labels and teacher by squared error; labels of shape (N,) fit outputs of shape (N, 1)."""
    x = torch.rand(4, 2)
    batch = Samples((x,), torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.full((4, 1), 2.0))
    output = (model := nn.Linear(2, 1))(x)
    expected = 0.5 * (output - 2).square().mean() + 0.5 * (output[:, 0] - batch.targets).square().mean()
    got = loss_of(model, batch, replace(RECIPE, alpha=0.5), "regression")
    assert got.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_student_comes_to_agree() -> None:
    """With the teacher alone, the student's scores approach the teacher's, whatever the labels say."""
    teacher, student, train = linear(1), linear(2), samples()
    wrong = replace(train, targets=1 - train.targets)
    before = (student(train.inputs[0]).softmax(1) - teacher(train.inputs[0]).softmax(1)).abs().mean()
    fit(student, teacher, replace(RECIPE, alpha=1.0, epochs=40), Plan(wrong, None, "classification", 0), silent)
    after = (student(train.inputs[0]).softmax(1) - teacher(train.inputs[0]).softmax(1)).abs().mean()
    assert after < 0.2 * before


def test_a_seed_gives_the_same_weights_twice() -> None:
    """Equal seeds give equal weights, other seeds other ones."""
    weights = []
    for seed in (3, 3, 4):
        model = linear()
        fit(model, None, RECIPE, Plan(samples(), samples(20), "classification", seed), silent)
        weights.append(model.weight.tolist())
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_the_best_epoch_is_kept() -> None:
    """The weights that are kept are those of the epoch with the best holdout figure, the latest of several."""
    figures: list[float] = []
    states: list[dict[str, torch.Tensor]] = []
    model, holdout = linear(), samples(20)
    with torch.no_grad():
        model.weight.copy_(torch.eye(2))
        model.bias.zero_()
    # It begins perfect and is taught wrong labels, so that the holdout figure falls while the loss does.
    train = replace(samples(), targets=1 - samples().targets)

    def told(_: int, __: float, figure: float | None) -> None:
        assert figure is not None
        figures.append(figure)
        states.append(copy.deepcopy(model.state_dict()))

    kept = fit(model, None, replace(RECIPE, epochs=12), Plan(train, holdout, "classification", 0), told)
    assert len(set(figures)) > 1
    assert figures[kept - 1] == max(figures)
    assert max(figures) not in figures[kept:]
    assert torch.equal(model.weight, states[kept - 1]["weight"])
    assert score(model, holdout, "classification") == max(figures)


def test_without_holdout_the_last_epoch_is_kept() -> None:
    """Nothing chooses, so nothing is chosen."""
    assert fit(linear(), None, RECIPE, Plan(samples(), None, "classification", 0), silent) == 4


def test_a_loss_that_is_no_number() -> None:
    """Training that runs away ends with the epoch and the rate, and gives no model."""
    model = nn.Sequential(linear(), nn.Linear(2, 2))
    with torch.no_grad():
        model[0].weight.fill_(float("inf"))
    with pytest.raises(ModelError, match=r"in epoch 1 it is (nan|inf); lower rate, now 0.05"):
        fit(model, None, RECIPE, Plan(samples(), None, "classification", 0), silent)


def test_fewer_samples_than_a_batch() -> None:
    """All samples are then one batch."""
    assert fit(linear(), None, replace(RECIPE, batch=512), Plan(samples(3), None, "classification", 0), silent) == 4

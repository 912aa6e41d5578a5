"""Whose turn it is in the search stage."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from optuna.storages import InMemoryStorage

from autoedge.catalog import catalog_folder
from autoedge.device import Device
from autoedge.measurement import Phase
from autoedge.search.study import Board, Row
from autoedge.space.declaration import read_space_file
from autoedge.space.facts import ModelFacts
from autoedge.space.space import Space
from autoedge.workflows.explore import _proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

IDLE: Any = SimpleNamespace(idle=lambda _: True)


@pytest.fixture
def space() -> Space:
    """One model on two devices."""
    device = Device("m", "x86_64", "cpu", 2, 2, 4096, "Linux", "3.11", {"onnxruntime": "1"})
    file = read_space_file(catalog_folder("search_spaces") / "onnxruntime-cpu.yaml")
    facts = [ModelFacts("small", features={"log_macs": 5.0})]
    return Space(
        [file], facts, {"one": device, "two": replace(device, machine="n")}, {"arena": ["on"], "batch": [1, 4]}
    )


def _run(space: Space, searched: Sequence[int] = ()) -> Any:
    """As much of a run as proposals look at: these candidates were searched."""
    candidates = [space.candidate(int(row)) for row in searched]
    return SimpleNamespace(
        reachable=list(space.targets),
        space=space,
        candidates={one.candidate_id: one for one in candidates},
        measurements=[SimpleNamespace(candidate_id=one.candidate_id, phase=Phase.SEARCH) for one in candidates],
        shelf=SimpleNamespace(refused=lambda _: ""),
    )


def _board(space: Space, measured: Sequence[int]) -> Board:
    board = Board(InMemoryStorage(), "study", pool=space, objectives=[("latency", "minimize")], strategy="random")
    board.sync([Row(int(row), (1.0,)) for row in measured])
    return board


def test_each_target_is_searched(space: Space) -> None:
    """While a target was not searched, proposals are of it alone; then of any."""
    other = np.flatnonzero(space.rows_on("two"))
    board = _board(space, other[:-1])
    proposals = [_proposal(_run(space, other[:-1]), IDLE, board) for _ in range(5)]
    assert [proposal[1].target for proposal in proposals if proposal is not None] == ["one"] * 5
    one = np.flatnonzero(space.rows_on("one"))
    both = _proposal(_run(space, [*one, other[0]]), IDLE, _board(space, [*one, *other[:-1]]))
    assert both is not None
    assert both[1].target == "two"


def test_a_target_of_which_all_is_known_ends_nothing(space: Space) -> None:
    """Where nothing of a target is left that was not searched, the others' turn has come."""
    one = np.flatnonzero(space.rows_on("one"))
    proposal = _proposal(_run(space), IDLE, _board(space, one))
    assert proposal is not None
    assert proposal[1].target == "two"

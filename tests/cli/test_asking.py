"""Columns asked about on a terminal."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner

from autoedge.campaign.plan import Plan, objective_plan
from autoedge_cli.asking import ask

TABLE = pd.DataFrame({"model": ["a", "b"], "decode_ms": [1.0, 2.0], "score": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("column", "role", "answers", "direction"),
    [
        ("decode_ms", "objective", "\n", "minimize"),
        ("score", "none", "objective\nupwards\nmaximize\n", "maximize"),
        ("score", "none", "objective maximize linear\n", "maximize"),
    ],
)
def test_a_direction_is_told_or_was_shown(column: str, role: str, answers: str, direction: str) -> None:
    """Enter takes the direction that is shown; where none was shown it is asked for."""
    plan = objective_plan(TABLE, column) if role == "objective" else Plan(column, "none")
    with CliRunner().isolation(input=answers):
        chosen = ask(TABLE, plan)
    assert (chosen.role, chosen.direction, chosen.needs_direction) == ("objective", direction, False)

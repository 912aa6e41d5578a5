"""Ask on the terminal what a column of a table is; questions go to standard error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import click

from autoedge.campaign.card import Direction
from autoedge.campaign.plan import Plan, Role, plan_as
from autoedge.errors import DataError
from autoedge_cli.render_text import printable

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3
_SHORT = 40


def ask(frame: pd.DataFrame, plan: Plan) -> Plan:
    """What a column shall be, by the user's answers; an empty answer takes the guess.

    An answer is a role, with direction and scale or type after it: ``objective maximize linear``, ``knob int``.
    """
    examples = ", ".join(printable(value, _SHORT) for value in frame[plan.column].dropna().unique()[:_SHOWN])
    click.echo(f"\n{printable(plan.column, _SHORT)}: {examples}", err=True)
    while True:
        answer = click.prompt("  role", default=_said(plan), err=True).split()
        if " ".join(answer) == _said(plan):
            chosen = replace(plan, needs_direction=False)  # it was shown
            break
        if answer[0] not in get_args(Role):
            click.echo(f"  one of {', '.join(get_args(Role))}", err=True)
            continue
        try:
            chosen = plan_as(frame, plan.column, answer[0], answer[1:])
            break
        except DataError as error:
            click.echo(f"  {printable(error)}", err=True)
    if chosen.role == "objective" and chosen.needs_direction:
        told = click.prompt("  better", type=click.Choice(get_args(Direction)), err=True)
        chosen = replace(chosen, direction=told, needs_direction=False)
    while chosen.role == "objective" and chosen.needs_unit:
        try:
            chosen = chosen.with_unit(click.prompt("  unit (ms, mJ, MiB, ...; 1 for none)", err=True).strip())
        except DataError as error:
            click.echo(f"  {printable(error)}", err=True)
    return chosen


def _said(plan: Plan) -> str:
    more = {"knob": plan.type, "feature": plan.scale, "objective": f"{plan.direction} {plan.scale}"}
    return f"{plan.role} {more.get(plan.role, '')}".strip()

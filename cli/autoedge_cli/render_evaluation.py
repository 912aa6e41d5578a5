"""How well targets were predicted, in the terminal."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from autoedge_cli.render_figures import plural
from autoedge_cli.render_text import printable, said, say, show, table

if TYPE_CHECKING:
    from rich.console import Console

    from autoedge.workflows.evaluate import Evaluation, Skill


def render_evaluation(console: Console, found: Evaluation) -> None:
    """Print one row a test target, and their mean."""
    title = f"{printable(found.objective, 64)} predicted, campaign {printable(found.campaign, 64)}"
    console.print(Text(title, style="bold"))
    known = "chosen at random" if found.choice == "random" else "spread out"
    learned = f"{plural(len(found.train_targets), 'training target')} of {plural(found.train_samples, 'row')} each"
    say(
        console,
        f"from {learned} and {plural(found.samples, 'row')} of its own ({known}); "
        f"judged on all other rows, means over {plural(found.seeds, 'seed')}",
    )
    shown = table("target")
    for name in ("Spearman", "mean error", "median error", "within 10 %", "in 90 % band"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name, skill in found.targets.items():
        shown.add_row(said(name, limit=40), *_cells(skill))
    if len(found.targets) > 1:
        shown.add_section()
        mean = np.mean([astuple(skill) for skill in found.targets.values()], axis=0)
        shown.add_row("mean", *_cells(type(next(iter(found.targets.values())))(*mean.tolist())))
    show(console, shown)


def _cells(skill: Skill) -> list[str]:
    shares = (skill.mape, skill.median_ape, skill.within_10pct, skill.covered_90)
    rank = f"{skill.spearman:.3f}" if np.isfinite(skill.spearman) else "-"
    return [rank, *(f"{share:.1%}" if np.isfinite(share) else "-" for share in shares)]

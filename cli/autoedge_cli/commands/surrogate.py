"""autoedge surrogate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autoedge_cli.options import json_option, write_json

if TYPE_CHECKING:
    from autoedge.workflows.evaluate import Choice


@click.group("surrogate")
def command() -> None:
    """What is learned from recorded results, and how well it predicts."""


def _names(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


@command.command("evaluate")
@click.option("--campaign", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Recorded results.")
@click.option("--train-targets", required=True, callback=_names, metavar="NAME,...", help="Learned from.")
@click.option("--train-samples", default=900, show_default=True, help="Rows of each, the same candidates for all.")
@click.option("--test-targets", required=True, callback=_names, metavar="NAME,...", help="Predicted and judged.")
@click.option("--samples", default=10, show_default=True, help="Rows of each test target that are known.")
@click.option("--seeds", default=10, show_default=True, help="How often; figures are means.")
@click.option("--objective", required=True, metavar="NAME", help="What is predicted, such as latency_ms.")
@click.option(
    "--choice",
    type=click.Choice(["random", "spread"]),
    default="random",
    show_default=True,
    help="How the known rows are chosen; spread looks at knobs and other targets, never at the values.",
)
@json_option
def evaluate(json_file: str | None, choice: Choice, **asked: Any) -> int:
    """Learn from some targets, predict others from a few rows of their own, and compare with what was recorded."""
    from autoedge.workflows.evaluate import document, evaluate
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console
    from autoedge_cli.render_evaluation import render_evaluation

    with Progress() as progress:
        result = evaluate(**asked, choice=choice, on_event=progress)
    if json_file is not None:
        write_json(document(result), json_file)
    if json_file != "-":
        render_evaluation(console(), result)
    return 0

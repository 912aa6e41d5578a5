"""autoedge replay."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.options import json_option, write_json

_INTERRUPTED = 130


@click.command("replay")
@click.option(
    "--campaign",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Recorded results: a folder with campaign.json.",
)
@click.option("--target", metavar="NAME", help="One of its targets; needed where there are several.")
@click.option(
    "--strategy",
    "strategies",
    default="surrogate,tpe,nsga2,random",
    show_default=True,
    metavar="NAME,...",
    help="Strategies: surrogate, tpe, nsga2, gp, random, exhaustive.",
)
@click.option("--budget", type=click.IntRange(min=1), default=60, show_default=True, help="Measurements of a run.")
@click.option("--seeds", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Runs of each strategy.")
@click.option(
    "--history",
    multiple=True,
    metavar="DIR[:TARGET,...]",
    help="Results of other targets to learn from beforehand; may be repeated.",
)
@click.option(
    "--surrogate",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="A saved surrogate to start from, such as `autoedge retrain` makes.",
)
@click.option(
    "--constraint",
    "constraints",
    multiple=True,
    metavar='"METRIC <= NUMBER"',
    help="A limit, <= or >=; its metric is no objective any more. May be repeated.",
)
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Runs at a time.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="A .png or .svg picture.")
@json_option
def command(
    *,
    campaign: Path,
    target: str | None,
    strategies: str,
    budget: int,
    seeds: int,
    history: tuple[str, ...],
    surrogate: Path | None,
    constraints: tuple[str, ...],
    jobs: int,
    plot: Path | None,
    json_file: str | None,
) -> int:
    """Compare search strategies on recorded results: how soon each finds what there is to find.

    Nothing is measured. Every strategy chooses from the recorded rows and is told what was recorded of each. Ctrl-C
    ends the replay with the runs that are finished. Exit codes: 0 done, 2 bad input, 130 interrupted.
    """
    from autoedge.report.replay_plot import check_plot, plot_replay
    from autoedge.workflows.replay import replay
    from autoedge_cli.progress_replay import ReplayProgress
    from autoedge_cli.render import console
    from autoedge_cli.render_replay import render_replay

    if plot is not None:
        check_plot(plot)
    if json_file not in {None, "-"} and not Path(str(json_file)).parent.is_dir():
        raise click.UsageError(f"--json: there is no folder {Path(str(json_file)).parent}; make it first")
    with ReplayProgress() as progress:
        document = replay(
            campaign,
            target=target,
            strategies=[name.strip() for name in strategies.split(",")],
            budget=budget,
            seeds=seeds,
            history=history,
            surrogate=surrogate,
            constraints=constraints,
            jobs=jobs,
            on_state=progress,
        )
    if json_file is not None:
        write_json(document, json_file)
    if plot is not None:
        plot_replay(document, plot)
    if json_file != "-":
        render_replay(console(), document)
    return _INTERRUPTED if document["interrupted"] else 0

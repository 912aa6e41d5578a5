"""autoedge check."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.completing import target_names
from autoedge_cli.options import json_option, targets_option, trust_option, write_json

_FILE = click.Path(path_type=Path, dir_okay=False)
_PLACE = click.Path(path_type=Path)


@click.command("check")
@click.option("--bundle", required=True, type=_PLACE, help="The bundle to check.")
@click.option(
    "--intent", "-i", type=_FILE, help="What is asked (default: what the bundle was chosen by, without data)."
)
@click.option("--against", type=_PLACE, help="A bundle, or a run's folder, that it must not be worse than.")
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=target_names,
    help="Where to measure: a declared target or ssh://user@host.",
)
@targets_option
@trust_option
@click.option(
    "--limit",
    type=click.FloatRange(min=0, min_open=True, max=100),
    default=2.0,
    show_default=True,
    metavar="PERCENT",
    help="Smallest change for the worse that matters.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Of the order in the rounds (default: another each time).")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the result as JUnit XML.")
@click.option("--markdown", type=_FILE, metavar="FILE", help="Write the result as Markdown, for a pull request.")
@json_option
def command(
    bundle: Path,
    *,
    intent: Path | None,
    against: Path | None,
    target: str | None,
    targets: Path | None,
    trust: tuple[Path, ...],
    limit: float,
    seed: int | None,
    junit: Path | None,
    markdown: Path | None,
    json_file: str | None,
) -> int:
    """Measure a bundle again, and decide its limits and whether it is worse than a base.

    Exit codes: 0 all limits kept and nothing worse, 1 a limit broken or something worse, 4 undecided.
    """
    from autoedge.workflows.check import check
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console
    from autoedge_cli.render_check import render_check

    with Progress() as progress:
        checked = check(
            bundle,
            intent=intent,
            against=against,
            target=target,
            targets=targets,
            trust=trust,
            limit=limit / 100,
            seed=seed,
            on_event=progress,
        )
    if junit is not None:
        from autoedge.report.check_junit import junit_xml

        junit.write_bytes(junit_xml(checked.document))
    if markdown is not None:
        from autoedge.report.check_markdown import check_markdown

        markdown.write_text(check_markdown(checked.document), encoding="utf-8")
    if json_file is not None:
        write_json(checked.document, json_file)
    if json_file != "-":
        render_check(console(), checked.document)
    return checked.exit_code

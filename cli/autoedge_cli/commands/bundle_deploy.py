"""autoedge bundle deploy."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.completing import target_names
from autoedge_cli.options import json_option, targets_option, write_json

_PLACE = click.Path(path_type=Path)


@click.command("deploy")
@click.argument("bundle", type=_PLACE)
@click.option(
    "--target",
    required=True,
    metavar="NAME",
    shell_complete=target_names,
    help="A declared target, ssh://user@host, or local.",
)
@targets_option
@click.option("--name", help="Of the deployment (default: that of the intent that the bundle was chosen by).")
@click.option("--signature", type=_PLACE, metavar="FILE", help="Its signature (default: beside the bundle).")
@click.option("--allow-unsigned", is_flag=True, help="Accept a bundle that no trusted key has signed.")
@click.option("--downgrade", is_flag=True, help="Accept a bundle that was signed before the one that serves.")
@click.option("--status", is_flag=True, help="Only tell what serves there.")
@click.option("--rollback", is_flag=True, help="Let what served before serve again.")
@json_option
def deploy(
    bundle: Path,
    *,
    target: str,
    targets: Path | None,
    name: str | None,
    signature: Path | None,
    allow_unsigned: bool,
    downgrade: bool,
    status: bool,
    rollback: bool,
    json_file: str | None,
) -> int:
    """Bring a bundle to a device, see that it runs there, and let it serve.

    Stopped at any moment, the device serves the old bundle or the new one. Exit codes: 0 the bundle serves, 1 with
    --status another one does, 2 it was refused or does not run there.
    """
    from autoedge.workflows.deploy import Consent, deployment, roll_back
    from autoedge.workflows.deploy import deploy as bring
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console
    from autoedge_cli.render_deployment import render_deployment

    if status and rollback:
        raise click.UsageError("give one of --status and --rollback")
    if status:
        found = deployment(bundle, target=target, targets=targets, name=name)
    elif rollback:
        found = roll_back(bundle, target=target, targets=targets, name=name)
    else:
        consent = Consent(allow_unsigned, downgrade)
        with Progress() as progress:
            found = bring(
                bundle,
                target=target,
                targets=targets,
                name=name,
                signature=signature,
                consent=consent,
                on_event=progress,
            )
    if json_file is not None:
        write_json(found.plain(), json_file)
    if json_file != "-":
        render_deployment(console(), found)
    return 1 if status and not found.serves else 0

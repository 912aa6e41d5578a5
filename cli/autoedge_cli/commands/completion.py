"""autoedge completion."""

from __future__ import annotations

import click

from autoedge_cli.variables import COMPLETE


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script by which a shell completes commands, options, names and files.

    \b
    bash (4.4 or later), in ~/.bashrc:
      eval "$(autoedge completion bash)"
    zsh, in ~/.zshrc, behind compinit:
      eval "$(autoedge completion zsh)"
    fish, once:
      autoedge completion fish > ~/.config/fish/completions/autoedge.fish
    """  # noqa: D301 - click's mark for lines that stay as they are
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - for the type checker: click has all three
    click.echo(kind(root, {}, "autoedge", COMPLETE).source())
    return 0

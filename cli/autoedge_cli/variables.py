"""A variable of the environment for every option: ``AUTOEDGE_SELECT_OUT`` is ``--out`` of ``autoedge select``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPLETE = "_AUTOEDGE_COMPLETE"
"""Not a user's: by it the script of a shell asks what may come next."""


def name_variables(command: click.Command, *words: str) -> None:
    """Give each option of a command, and of the commands below it, its variable, which help and errors then show.

    Args:
        command: Is changed.
        words: The command as it is typed, without the program's name.
    """
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            name_variables(inner, *words, name)
    for option in _options(command):
        longest = max(option.opts, key=len).lstrip("-")
        option.envvar = "_".join(("autoedge", *words, longest)).replace("-", "_").upper()
        option.show_envvar = True


def variables_set(group: click.Group, arguments: Sequence[str]) -> list[str]:
    """Variables of the command that a command line means which have a value, whether it came to be used or not."""
    command: click.Command | None = group
    words = iter(arguments)
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), next(words, ""))
    options = [] if command is None else _options(command)
    return [str(option.envvar) for option in options if os.environ.get(str(option.envvar))]


def _options(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option) and one.expose_value]

"""Options that several commands share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

intent_option = click.option(
    "--intent",
    "-i",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The intent file.",
)

targets_option = click.option(
    "--targets",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where targets are declared (default: AUTOEDGE_TARGETS, or targets.yaml in your configuration folder).",
)

trust_option = click.option(
    "--trust",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Allow code that the intent names (a pickle, module:function) and that lies here; where it says trust: true.",
)

json_option = click.option(
    "--json",
    "json_file",
    is_flag=False,
    flag_value="-",
    default=None,
    metavar="[FILE]",
    help="Print the result as JSON (to FILE when given) instead of text.",
)


def write_json(document: Any, file: str) -> None:
    """Write a document to standard output (``-``) or a file."""
    text = json.dumps(document, indent=1, default=str)
    if file == "-":
        sys.stdout.write(text + "\n")
    else:
        Path(file).write_text(text + "\n", encoding="utf-8")

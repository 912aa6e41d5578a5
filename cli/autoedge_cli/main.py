"""Entry point: commands are loaded when they are called, and every error becomes an exit code and one message."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autoedge.errors import AutoEdgeError, MeasurementError, MeterError, StoreError, TargetError
from autoedge_cli.variables import COMPLETE, name_variables, variables_set

if TYPE_CHECKING:
    from types import FrameType

    from click.shell_completion import CompletionItem

EXIT_USAGE = 2
EXIT_TARGET = 3
EXIT_INVALID = 4
EXIT_MACHINE = 5
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

_COMMANDS = {
    "select": "Measure what an intent allows, and choose.",
    "space": "Show what would be searched, what is left out and why.",
    "show": "Show a finished run again: front, choice, runners-up.",
    "report": "Write a finished run's report again: HTML, Markdown, front.",
    "replay": "Compare search strategies on recorded results.",
    "check": "Measure a bundle again: are its limits kept, is it worse than a base? For CI.",
    "soak": "Run a candidate without a pause, and tell what it sustains.",
    "power": "Energy of recorded traces; calibrate the estimate, or hold it against a meter.",
    "meters": "Find power meters, read them, and see what they are fit for.",
    "targets": "Declare devices, look at them, and make them ready.",
    "campaign": "Export results of runs, import tables, look at campaigns.",
    "export": "Hand a run to other tools: MLflow, tables of measurements, Prometheus.",
    "retrain": "Train the surrogate on recorded results; kept only if it is not worse.",
    "predict": "Rank devices that you do not have, from results recorded on them.",
    "surrogate": "See how well other targets predict a new one.",
    "bundle": "Build, verify, run, pack, sign, compare and deploy bundles.",
    "compress": "Make smaller models of a PyTorch model: pruned, distilled, trained for int8.",
    "validate": "Tell every problem of intent files; for editors and pre-commit.",
    "init": "Write a commented intent for model and data files.",
    "schema": "Print the JSON Schema of a file or of what --json prints.",
    "completion": "Print the script by which a shell completes commands.",
}


class _Lazy(click.Group):
    """Imports a command's module when the command is called, so that --help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"autoedge_cli.commands.{cmd_name}").command
        name_variables(command, cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names and help of commands, without importing any, and options."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=told) for name, told in _COMMANDS.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="autoedge")
def cli() -> None:
    """Choose what to deploy on an edge device by measuring it there.

    Exit codes: 0 intent met, 1 not met, 2 bad input, 3 nothing to measure on, 4 undecided, 5 this machine failed,
    70 a bug, 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    code = run(arguments)
    if code == EXIT_INTERRUPTED:
        # Python would end by SIGINT, whatever we say, where the interrupt once passed through exec, as it does when it
        # comes while a dataclass is being imported. Everything is closed; only what was printed must get out.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code: Any = cli.main(args=arguments, complete_var=COMPLETE, standalone_mode=False)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.UsageError as error:
        error.show()
        code = _usage(sys.argv[1:] if arguments is None else arguments)
    except (KeyboardInterrupt, click.Abort):
        code = _interrupted(sys.argv[1:] if arguments is None else arguments)
    except AutoEdgeError as error:
        code = _say(str(error), _EXIT_CODES.get(_root_of(error), EXIT_USAGE))
        code = _usage(sys.argv[1:] if arguments is None else arguments) if code == EXIT_USAGE else code
    except OSError as error:
        code = _machine(error)
    except Exception:  # noqa: BLE001 - the last resort: a bug, kept for the report
        code = _bug()
    return code if isinstance(code, int) else 0


def _usage(words: list[str]) -> int:
    """Says which variables had a part in what was asked: they may be set where nobody looks."""
    found = variables_set(cli, words)
    return _say(f"set in the environment: {', '.join(found)}", EXIT_USAGE) if found else EXIT_USAGE


_RESUMING = {("select",): "measured", ("power", "calibrate"): "measured", ("compress",): "finished"}
"""Commands that save what they have done by then, and find it when they are started again."""


def _interrupted(words: list[str]) -> int:
    done = next((done for command, done in _RESUMING.items() if tuple(words[: len(command)]) == command), "")
    more = f"; what was {done} is saved: the same command goes on from there" if done else ""
    return _say(f"interrupted{more}", EXIT_INTERRUPTED)


_EXIT_CODES: dict[type[AutoEdgeError], int] = {
    TargetError: EXIT_TARGET,
    MeterError: EXIT_TARGET,
    MeasurementError: EXIT_INVALID,
    StoreError: EXIT_MACHINE,
}


def _root_of(error: AutoEdgeError) -> type[AutoEdgeError]:
    """Which branch of the exception tree an error belongs to."""
    return next((kind for kind in _EXIT_CODES if isinstance(error, kind)), AutoEdgeError)


def _machine(error: OSError) -> int:
    place = f"{error.filename}: " if error.filename else ""
    if isinstance(error, BrokenPipeError):
        return EXIT_MACHINE  # whoever read our output is gone; there is nobody to tell
    advice = {
        errno.ENOSPC: "the disk is full; free some space and run the same command again",
        errno.EDQUOT: "the quota is used up; free some space and run the same command again",
        errno.EROFS: "the file system is read-only; name another place",
        errno.EACCES: "permission denied; name another place",
    }.get(error.errno or 0, error.strerror or str(error))
    return _say(f"{place}{advice}", EXIT_MACHINE)


def _say(message: str, code: int) -> int:
    from autoedge_cli.render import printable

    for line in message.splitlines() or [""]:
        click.echo(f"autoedge: {printable(line)}", err=True)
    return code


def _bug() -> int:
    from platformdirs import user_log_path

    text = traceback.format_exc()
    try:
        folder = user_log_path("autoedge", ensure_exists=True)
    except OSError:
        folder = Path(tempfile.gettempdir())
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix="bug-", suffix=".txt", delete=False) as file:
        file.write(text)
    return _say(f"this is a bug in autoedge, not your fault; please report it with {file.name}", EXIT_BUG)


if __name__ == "__main__":
    main()

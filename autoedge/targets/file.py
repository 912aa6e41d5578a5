"""The targets file: devices by name, written by hand or by ``autoedge targets add``; its comments are kept.

It lies in the user's configuration folder and is trusted: commands in front of the agent and options for ssh come from
here alone, never from an intent.
"""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError
from autoedge.intent.problem import Problems, RuleError, shown, suggestion
from autoedge.intent.units import quantity
from autoedge.targets.declaration import DeclaredTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION = 1
_HEAD = """\
# Devices for AutoEdge, by the names that intents call them. docs/targets.md tells of every key.
version: 1
targets: {}
"""


def targets_file() -> Path:
    """Where targets are declared: ``AUTOEDGE_TARGETS``, or ``targets.yaml`` in the user's configuration folder."""
    from platformdirs import user_config_path

    named = os.environ.get("AUTOEDGE_TARGETS")
    return Path(named) if named else user_config_path("autoedge") / "targets.yaml"


def read_targets(path: Path) -> dict[str, DeclaredTarget]:
    """The targets of a file by name.

    Raises:
        IntentError: With all problems at once, one line each: ``targets.yaml:4 targets.pi4.wrap: takes a list ...``.
    """
    problems = Problems(path)
    document = _load(path, problems)
    for key in document:
        if key not in ("version", "targets"):
            problems.add(_line(document, key), (), f"unknown key {shown(key)}{suggestion(str(key), _TOP)}")
    if document.get("version") != VERSION:
        rule = f"this AutoEdge reads version {VERSION} of the targets file"
        problems.add(_line(document, "version"), ("version",), f"{rule}, but got {shown(document.get('version'))}")
    entries = document.get("targets")
    entries = {} if entries is None else entries
    if not isinstance(entries, dict):
        problems.add(_line(document, "targets"), ("targets",), "takes a mapping of targets by name")
        entries = {}
    found = {str(name): _entry(entries, name, problems) for name in entries}
    problems.raise_if_any()
    known = {name: one for name, one in found.items() if one is not None}
    return {name: replace(one, host=_last_host(one, known)) for name, one in known.items()}


def write_target(path: Path, name: str, fields: Mapping[str, Any]) -> None:
    """Add a target to the file, or change fields of one; everything else of the file stays as it is.

    Args:
        path: Made, with its folder, when missing.
        name: Which target.
        fields: Keys of the file with their values; None takes a key away.

    Raises:
        IntentError: The file, or what it would become, is wrong; it is then left alone.
    """
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    problems = Problems(path)
    document = _load(path, problems) if path.exists() else _yaml().load(_HEAD)
    if not isinstance(document.get("targets"), dict) or not document["targets"]:
        document["targets"] = CommentedMap()
    entry = document["targets"].setdefault(name, CommentedMap())
    for key, value in fields.items():
        if value is None:
            entry.pop(key, None)
            continue
        entry[key] = value
        if isinstance(value, list | tuple):
            entry[key] = CommentedSeq(value)
            entry[key].fa.set_flow_style()
    text = io.StringIO()
    _yaml().dump(document, text)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text.getvalue(), encoding="utf-8")
        read_targets(part)
        part.replace(path)
    except IntentError as error:
        raise IntentError(*(problem.replace(part.name, path.name) for problem in error.problems)) from None
    finally:
        part.unlink(missing_ok=True)


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # never folds a line that the user wrote
    return yaml


def _load(path: Path, problems: Problems) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        document = _yaml().load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise IntentError(f"{path}: the targets file cannot be read: {error.strerror}") from error
    except (YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        what = shown(getattr(error, "problem", None) or str(error))
        problems.add(mark.line + 1 if mark else 1, (), f"this is no YAML: {what}")
        problems.raise_if_any()
    if not isinstance(document, dict):
        problems.add(1, (), f"a targets file is a mapping of version and targets, but got {shown(document)}")
        problems.raise_if_any()
    return document


def _entry(entries: Any, name: Any, problems: Problems) -> DeclaredTarget | None:
    loc, line, raw = ("targets", str(name)), _line(entries, name), entries[name]
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        problems.add(line, loc, f"takes a mapping such as {{address: ssh://user@host}}, but got {shown(raw)}")
        return None
    fields: dict[str, Any] = {}
    before = len(problems)
    for key, value in raw.items():
        if key not in _KEYS:
            problems.add(_line(raw, key), loc, f"unknown key {shown(key)}{suggestion(str(key), _KEYS)}")
        elif value is not None:
            field, read = _KEYS[key]
            try:
                fields[field] = read(value)
            except RuleError as error:
                problems.add(_line(raw, key), (*loc, key), str(error))
    if len(problems) > before:
        return None
    try:
        return DeclaredTarget(str(name), **fields)
    except ValueError as error:
        problems.add(line, loc, str(error))
        return None


def _last_host(one: DeclaredTarget, known: Mapping[str, DeclaredTarget]) -> str | None:
    """Where ``host`` names a target that itself has one, that one, and so on."""
    passed: set[str] = set()
    while one.host is not None and one.host in known and one.host not in passed:
        passed.add(one.host)
        if known[one.host].host is None:
            break
        one = known[one.host]
    return one.host


def _text(value: Any) -> str:
    if not isinstance(value, str):
        hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
        raise RuleError(f"takes text, but got {shown(value)}{hint}")
    return str(value)


def _words(value: Any) -> tuple[str, ...]:
    scalar = str | int | float
    if not isinstance(value, list) or not all(isinstance(one, scalar) and not isinstance(one, bool) for one in value):
        raise RuleError(f"takes a list of words such as [taskset, -c, 0], but got {shown(value)}")
    return tuple(str(one) for one in value)


def _meter(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        return {"type": str(value)}
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise RuleError(f"takes a type, or a mapping with type such as {{type: um25c}}, but got {shown(value)}")
    return {str(key): _plain(one) for key, one in value.items()}


def _delegates(value: Any) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(value, dict):
        raise RuleError(f"takes a mapping such as {{edgetpu: {{library: libedgetpu.so.1}}}}, but got {shown(value)}")
    found = {}
    for name, body in value.items():
        plain = {"library": _plain(body)} if isinstance(body, str) else _plain(body)
        if not isinstance(plain, dict) or not isinstance(plain.get("library"), str) or not set(plain) <= {*_DELEGATE}:
            raise RuleError(f"delegate {shown(name)} takes library and options, but got {shown(body)}")
        options = plain.get("options") or {}
        if not isinstance(options, dict) or any(isinstance(one, dict | list) for one in options.values()):
            raise RuleError(f"options of delegate {shown(name)} are plain values, but got {shown(options)}")
        found[str(name)] = {"library": plain["library"], "options": options}
    return found


def _plain(value: Any) -> Any:
    """A value of the round-trip parser as one of Python's own."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _power(value: Any) -> float:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise RuleError(f"takes a power with its unit, but got {shown(value)}")
    return quantity(value, "power", "W")


def _line(mapping: Any, key: Any) -> int:
    """The line of a key, from 1; where it is missing, or came with a merge key, that of the mapping."""
    place = getattr(mapping, "lc", None)
    if place is None or place.line is None:
        return 1
    own = key in (place.data or ())
    return int(place.key(key)[0] if own else place.line) + 1


_TOP = ("version", "targets")
_DELEGATE = ("library", "options")
_KEYS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "address": ("address", _text),
    "python": ("python", _text),
    "folder": ("folder", _text),
    "wrap": ("wrap", _words),
    "ssh": ("ssh", _words),
    "host": ("host", _text),
    "meter": ("meter", _meter),
    "idle_power": ("idle_power_w", _power),
    "delegates": ("delegates", _delegates),
}

"""YAML to plain values that remember their lines.

The parser's events are read one by one, so that nothing is ever constructed, nesting cannot exhaust the stack and
aliases cannot multiply. Plain scalars follow the core schema of YAML 1.2: ``no`` is text, ``2024-01-01`` too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.intent.problem import Loc, Problems, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from autoedge.candidate import Scalar

_BYTES = 1 << 20
_DEPTH = 20
_NODES = 20_000

# The core schema; an integer that does not fit 64 bits is read as a float, so that no digits can exhaust memory.
_CORE: tuple[tuple[str, Callable[[str], Scalar | None]], ...] = (
    (r"null|Null|NULL|~|", lambda _: None),
    (r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    (r"[-+]?[0-9]{1,18}", int),
    (r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}", lambda text: int(text, 0)),
    (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", float),
    (r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", lambda text: float(text.replace(".", ""))),
)


@dataclass(frozen=True, eq=False)
class Node:
    """One value of a YAML file.

    Attributes:
        value: A scalar, or the nodes inside.
        line: Where it stands, from 1; for the value of a key, the line of the key.
        loc: Keys and indices that lead to it.
    """

    value: Scalar | dict[str, Node] | list[Node] | None
    line: int
    loc: Loc = ()

    @property
    def plain(self) -> Any:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        return self.value

    def at(self, loc: Loc) -> Node:
        """The deepest node on the way along ``loc``; parts that lead nowhere are skipped."""
        node = self
        for part in loc:
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[str(part)]
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
        return node

    def without(self, nodes: Collection[Node]) -> Node:
        """The same tree with some nodes left out; the others keep their lines and places."""
        if isinstance(self.value, dict):
            kept = {key: node.without(nodes) for key, node in self.value.items() if node not in nodes}
            return Node(kept, self.line, self.loc)
        if isinstance(self.value, list):
            return Node([node.without(nodes) for node in self.value if node not in nodes], self.line, self.loc)
        return self


def read_tree(path: Path, problems: Problems) -> Node:
    """The tree of the file at ``path``; duplicate keys are added to ``problems`` and the first one counts.

    Raises:
        IntentError: The file is no single YAML mapping in UTF-8, is larger than 1 MiB, or uses tags or aliases.
    """
    try:
        root = _build(_events(_text(path)), problems)
    except _UnreadableError as error:
        problems.add(error.line, (), error.message)
        problems.raise_if_any()
        raise
    if not isinstance(root.value, dict):
        problems.add(root.line, (), f"an intent is a mapping such as version: 1, but got {shown(root.plain)}")
        problems.raise_if_any()
    return root


def scalar(text: str) -> Scalar | None:
    """What an unquoted ``text`` means."""
    return next((read(text) for pattern, read in _CORE if re.fullmatch(pattern, text)), text)


class _UnreadableError(Exception):
    """Reading ends here: what follows has no meaning."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # a pipe or a device would never end
            raise _UnreadableError(1, "an intent is a regular file")
        with path.open("rb") as file:
            raw = file.read(_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "this is no path"
        raise _UnreadableError(1, f"the intent cannot be read: {reason}") from error
    if len(raw) > _BYTES:
        raise _UnreadableError(1, "an intent has at most 1 MiB, but this file is larger")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _UnreadableError(line, f"an intent is UTF-8 text, but got byte 0x{raw[error.start]:02x}") from error


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"this is no YAML: {shown(error.problem or error.context)}"
        if "\\t" in message:
            message += "; indent with spaces, not tabs"
        raise _UnreadableError(mark.line + 1 if mark else 1, message) from error
    except ReaderError as error:
        message = f"this is no YAML: character #x{error.character:04x} is not allowed"
        raise _UnreadableError(text.count("\n", 0, error.position) + 1, message) from error
    except (
        Exception
    ) as error:  # the parser meets hostile text and is not ours: escapes beyond Unicode end in OverflowError
        raise _UnreadableError(1, f"this is no YAML: {shown(str(error))}") from error


class _Open:
    """A mapping or list that is still being filled."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: str | None = None
        self.key_line = 0

    def place(self, line: int) -> tuple[int, Loc]:
        """Line and place of the next value inside."""
        if self.key is not None:
            return self.key_line, (*self.node.loc, self.key)
        index = len(self.node.value) if isinstance(self.node.value, list) else 0
        return line, (*self.node.loc, index)

    def put(self, node: Node, problems: Problems) -> None:
        """Take the next value."""
        if isinstance(self.node.value, list):
            self.node.value.append(node)
        elif isinstance(self.node.value, dict) and self.key is not None:
            if self.key in self.node.value:
                first = self.node.value[self.key].line
                problems.add(node.line, node.loc, f"a key stands once, but this one stands on line {first} already")
            else:
                self.node.value[self.key] = node
            self.key = None


def _build(events: Iterator[Any], problems: Problems) -> Node:
    from ruamel.yaml.events import DocumentStartEvent, MappingEndEvent, ScalarEvent, SequenceEndEvent

    root = Node(None, 1)
    stack: list[_Open] = []
    documents = nodes = 0
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _UnreadableError(line, "an intent is one YAML document, but a second one begins here")
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            stack.pop()
        elif hasattr(event, "anchor"):  # scalars, collections and aliases
            nodes += 1
            _refuse(event, line, len(stack), nodes)
            top = stack[-1] if stack else None
            if top and isinstance(top.node.value, dict) and top.key is None:
                if not isinstance(event, ScalarEvent):
                    raise _UnreadableError(line, "a key is plain text, but got a list or a mapping")
                top.key, top.key_line = _characters(event, line), line
                continue
            node = _node(event, *(top.place(line) if top else (line, ())))
            if top:
                top.put(node, problems)
            else:
                root = node
            if isinstance(node.value, dict | list):
                stack.append(_Open(node))
    return root


def _refuse(event: Any, line: int, depth: int, nodes: int) -> None:
    if event.anchor is not None:
        raise _UnreadableError(
            line, f"anchors and aliases are not supported, but got {shown(event.anchor)}; write it out"
        )
    if event.tag is not None:
        raise _UnreadableError(line, f"tags are not supported, but got {shown(str(event.tag))}; leave it out")
    if depth > _DEPTH:
        raise _UnreadableError(line, f"an intent nests at most {_DEPTH} levels deep, but this goes deeper")
    if nodes > _NODES:
        raise _UnreadableError(line, f"an intent has at most {_NODES} values, but this file has more")


def _node(event: Any, line: int, loc: Loc) -> Node:
    from ruamel.yaml.events import MappingStartEvent, ScalarEvent

    if isinstance(event, ScalarEvent):
        text = _characters(event, line)
        return Node(scalar(text) if event.implicit[0] else text, line, loc)
    return Node({} if isinstance(event, MappingStartEvent) else [], line, loc)


def _characters(event: Any, line: int) -> str:
    text = str(event.value)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _UnreadableError(line, f"text is Unicode, but got half a character in {shown(text)}")
    return text

"""Metrics in the text format that Prometheus and its exporters read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from autoedge.intent.problem import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True)
class Family:
    """Samples of one name.

    Attributes:
        name: Without the ``_total`` that a counter's samples end with.
        kind: Counters never fall.
        help: What the numbers are, in one line of plain words.
        samples: Labels, no two alike, and a number each; none where nothing is known.
    """

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def exposition(families: Iterable[Family]) -> str:
    r"""The families as OpenMetrics text.

    Kinds are those that Prometheus' older text format knows as well, and no sample bears a time, so that the textfile
    collector of node_exporter reads it too. Labels come from outside: control characters are spelled out, backslash and
    quotation mark escaped (OpenMetrics 1.0, "Escaping").
    """
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        end = "_total" if family.kind == "counter" else ""
        lines += [f"# TYPE {family.name} {family.kind}", f"# HELP {family.name} {family.help}"]
        lines += [f"{family.name}{end}{_labels(labels)} {number!r}" for labels, number in family.samples]
    return "\n".join([*lines, "# EOF", ""])


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{escaped(text).translate(_ESCAPES)}"' for name, text in labels.items())
    return f"{{{pairs}}}" if pairs else ""

"""``CARD.md``: the card of a surrogate for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoedge.surrogate.saved.card import Comparison, ErrorFigures, SurrogateCard

_MARKUP = re.compile(r"[\\`*_{}\[\]#!|<>&~^$:/@]")
_LEFT_OUT = {
    "without_target": "the whole target",
    "without_model": "the whole model",
    "without_row": "the configuration",
    "unseen": "the row",
}


def card_text(card: SurrogateCard) -> str:
    """The card in Markdown; whatever came from outside is escaped."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: SurrogateCard) -> Iterator[str]:
    yield "# A learned surrogate"
    yield ""
    newest = f", the newest of {_plain(card.newest)}" if card.newest else ""
    yield (
        f"Learned from {card.rows:,} results of {_count(card.models, 'model')} on {_count(card.targets, 'target')}"
        f"{newest}. {card.held_out_rows:,} more were held out, which no surrogate ever learns from. What it says is "
        "an estimate and never a measurement."
    )
    for note in card.notes:
        yield ""
        yield f"Note: {_plain(note)}."
    yield from ("", "## Held-out error", "")
    yield "Judged on rows that were left out of training together with the named part. Rank correlation is within a"
    yield "target. The last line of a metric is the surrogate itself on rows that it never saw."
    yield ""
    yield "| metric | left out | rows | median error | mean error | within 10 % | rank correlation |"
    yield "|---|---|---|---|---|---|---|"
    for name, metric in card.metrics.items():
        for key, words in _LEFT_OUT.items():
            error = getattr(metric, key)
            if error is not None:
                yield f"| {_plain(name)} | {words} | {_error(error)} |"
    yield from ("", "## Rows", "")
    yield "| source | rows | targets | measured by | licence | sha256 of the rows |"
    yield "|---|---|---|---|---|---|"
    for source in card.sources:
        told = (source.name, f"{source.rows:,}", ", ".join(source.targets), source.source, source.licence)
        yield f"| {' | '.join(_plain(cell) for cell in told)} | `{source.sha256[:16]}` |"
    yield from ("", "## Inputs", "")
    yield ", ".join(_plain(column.name) for column in card.columns) + "."
    yield from ("", "## Champion", "")
    yield from _comparison(card.comparison)
    yield from ("", "## Made with", "")
    yield ", ".join(f"{_plain(name)} {_plain(version)}" for name, version in card.versions.items()) + "."
    yield f"`model.txt` has the SHA-256 `{card.model_sha256}`."


def _comparison(comparison: Comparison | None) -> Iterator[str]:
    if comparison is None:
        yield "There was none before."
        return
    yield f"It took the place of the surrogate whose model has the SHA-256 `{comparison.champion}`:"
    yield f"{_plain(comparison.reason)}. Mean absolute errors on rows that neither of them saw, on logarithms where a"
    yield "metric is positive:"
    yield ""
    yield "| metric | rows | before | now |"
    yield "|---|---|---|---|"
    for one in comparison.metrics:
        yield f"| {_plain(one.metric)} | {one.rows:,} | {one.champion:.4g} | {one.challenger:.4g} |"


def _error(error: ErrorFigures) -> str:
    shares = (error.median_ape, error.mape, error.within_10pct)
    cells = [f"{error.rows:,}", *("" if share is None else f"{share:.1%}" for share in shares)]
    return " | ".join([*cells, "" if error.spearman is None else f"{error.spearman:.3f}"])


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _plain(value: object) -> str:
    """Text on one line that Markdown shows as it is."""
    line = "".join(char if char.isprintable() else " " for char in str(value))
    return _MARKUP.sub(r"\\\g<0>", line)

"""The curves of replayed strategies as a picture."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError
from autoedge.intent.problem import escaped
from autoedge.report.replay_summary import seeds_of, summaries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from autoedge.report.replay_summary import Summary

FORMATS = (".png", ".svg")
# Colours that people with any kind of colour vision tell apart (Okabe and Ito 2008), and a line style each.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
_INCHES, _DPI = (8.0, 5.0), 150
_NAME = 100
_HEADROOM = 0.03  # of the axis above 100 %
_START = 10  # the axis begins where the curves are after a tenth of the measurements: what matters lies above
_HIGHEST_START = 99.0


def check_plot(path: Path) -> None:
    """Say at once what would keep a picture from being drawn in the end.

    Raises:
        DataError: It has another format, its folder is not there, or matplotlib is not.
    """
    if path.suffix.lower() not in FORMATS:
        raise DataError(f"{path}: a picture is a {' or '.join(FORMATS)} file")
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}; make it first")
    if find_spec("matplotlib") is None:
        raise DataError(f"{path}: a picture needs matplotlib: pip install 'autoedge[plot]'")


def plot_replay(document: Mapping[str, Any], path: Path) -> None:
    """Draw the median share of the true hypervolume after each measurement, between its quartiles, by strategy.

    Args:
        document: Of ``autoedge replay``; at least one run is finished.
        path: A ``.png`` or ``.svg`` file; written once the picture is whole.

    Raises:
        DataError: It cannot be drawn there.
        OSError: It cannot be written.
    """
    check_plot(path)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    found = summaries(document)
    # A fixed salt and no date: the same figures give the same bytes. Text stays text.
    with mpl.rc_context({"svg.hashsalt": "autoedge", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
        axes = figure.add_subplot()
        _curves(axes, found)
        _frame(axes, document, found)
        drawn = io.BytesIO()
        kind = path.suffix.lower().removeprefix(".")
        figure.savefig(drawn, format=kind, metadata={"Date": None} if kind == "svg" else None)
    path.write_bytes(drawn.getvalue())


def _curves(axes: Axes, found: Sequence[Summary]) -> None:
    for place, one in enumerate(found):
        colour, style = _COLOURS[place % len(_COLOURS)], _STYLES[place % len(_STYLES)]
        low, middle, high = one.quartiles * 100
        counts = np.arange(1, len(middle) + 1)
        axes.fill_between(counts, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(counts, middle, color=colour, linestyle=style, linewidth=1.8, label=one.title)


def _frame(axes: Axes, document: Mapping[str, Any], found: Sequence[Summary]) -> None:
    """Axes, title and legend; names come from outside, so none is read as a formula."""
    lowest = min(_HIGHEST_START, *(float(one.quartiles[0, one.quartiles.shape[1] // _START]) * 100 for one in found))
    axes.set_ylim(lowest, 100 + (100 - lowest) * _HEADROOM)
    axes.set_xlim(1, max(2, *(one.quartiles.shape[1] for one in found)))
    axes.set_xlabel("measurements")
    axes.set_ylabel("share of the true hypervolume (%)")
    axes.grid(visible=True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    where = _name(", ".join(dict.fromkeys((document["campaign"], document["target"]))))
    limits = "".join(f", {_name(limit)}" for limit in document["constraints"])
    axes.set_title(
        f"{where}\n{_name(', '.join(document['objectives']))}{limits}", loc="left", fontsize=10, parse_math=False
    )
    axes.legend(
        loc="lower right",
        frameon=False,
        handlelength=4,
        title=f"median of {seeds_of(found)}, band: quartiles",
        title_fontsize=9,
    )


def _name(text: str) -> str:
    shown = escaped(text)
    return shown if len(shown) <= _NAME else f"{shown[:_NAME]}..."

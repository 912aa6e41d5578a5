"""Numbers on the command line, which ``nan`` is none of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click import Context, Parameter


class FiniteRange(click.FloatRange):
    """A range that refuses what compares with neither end: ``nan`` passes click's own."""

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """The number; a usage error where it is none of the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number

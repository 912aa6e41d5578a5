"""Custom: the user's own metric, from an installed package or, where it is trusted, from a module."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable
from importlib import import_module, util
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from autoedge.bench.tasks.base import Evaluator, measured
from autoedge.errors import DataError
from autoedge.registry import places

if TYPE_CHECKING:
    import numpy as np

    from autoedge.bench.tasks.base import Outputs
    from autoedge.measurement import Value
    from autoedge.metric import Direction

GROUP = "autoedge.task_metrics"
_WITH_ENDS = 3

Metric = Callable[[Any, Any], Any]


class Custom(Evaluator):
    """``custom``, or ``custom_loss`` where less is better: what a function says of outputs and labels.

    It is called as ``function(outputs, labels)`` in this process: outputs as the model gives them, float32, first axis
    samples; labels ``y`` of the evaluation data as they are, or None. It returns a number, or value, low and high of a
    95 % interval. A number alone is taken to be exact.

    Args:
        name: How the intent names the function, for messages.
        function: The metric.
        labels: Of the evaluation data; None without.
        direction: Which way is better.
    """

    shaped = True

    def __init__(self, name: str, function: Metric, labels: np.ndarray[Any, Any] | None, direction: Direction) -> None:
        own = getattr(function, "direction", direction)
        if own != direction:
            raise DataError(
                f"metric {name}: the function says direction {own!r:.20}, but the intent {direction!r}; "
                f"write task: {{direction: {own!s:.20}}}"
            )
        self._name = name
        self._function = function
        self._labels = labels
        self._key = "custom_loss" if direction == "minimize" else "custom"
        self.labelled = labels is not None

    def metrics(self, outputs: Outputs, reference: Outputs | None, level: float) -> dict[str, Value]:  # noqa: ARG002
        """What the function says; its interval, where it gives one, is the same at every level."""
        labels = None if self._labels is None else self._labels.copy()
        try:
            said = self._function(outputs.copy(), labels)
        except (Exception, SystemExit) as error:
            raise DataError(f"metric {self._name} failed: {type(error).__name__}: {error}") from error
        value, low, high, told = self._ends(said)
        return {self._key: measured((value, low, high), told, len(outputs))}

    def _ends(self, said: Any) -> tuple[float, float, float, str]:
        parts = said if isinstance(said, tuple | list) else (said,)
        try:
            numbers = [float(part) for part in parts]
        except (TypeError, ValueError):
            numbers = []
        if len(numbers) == 1 and math.isfinite(numbers[0]):
            return numbers[0], numbers[0], numbers[0], f"{self._name}, which tells no interval"
        if len(numbers) != _WITH_ENDS or not all(map(math.isfinite, numbers)):
            rule = "returns a finite number, or (value, low, high)"
            raise DataError(f"metric {self._name} {rule}, but got {said!r:.60}")
        value, low, high = numbers
        if not low <= value <= high:
            raise DataError(f"metric {self._name}: low <= value <= high holds, but got {low}, {value}, {high}")
        return value, low, high, f"{self._name}, its own interval"


def installed_metric(name: str) -> Metric:
    """A metric that an installed package offers.

    Args:
        name: Of its entry point in the group ``autoedge.task_metrics``.

    Raises:
        DataError: None has that name, or it cannot be imported.
    """
    known = places(GROUP)
    if name not in known:
        offered = ", ".join(sorted(known)) or "none"
        raise DataError(
            f"metric {name}: is installed by no package ({offered} are); write module:function for your own"
        )
    return load_metric(known[name], name)


def load_metric(place: str, name: str = "") -> Metric:
    """The function behind ``module:function`` or ``/path/module.py:function``. It is foreign code: ask for trust first.

    Args:
        place: Where it lies.
        name: For messages, where it is another.

    Raises:
        DataError: It cannot be imported, or is no function.
    """
    module, _, attribute = place.rpartition(":")
    try:
        loaded = _from_file(Path(module)) if module.endswith(".py") else import_module(module)
        found = loaded
        for part in attribute.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise DataError(f"metric {name or place}: cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise DataError(f"metric {name or place}: is a function of outputs and labels, but is {type(found).__name__}")
    return cast("Metric", found)


def _from_file(path: Path) -> Any:
    """A module by its file, under a name that no other has; it may import what lies beside it."""
    name = f"autoedge_metric_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = util.module_from_spec(spec)
    folder = str(path.parent)
    sys.path.append(folder)  # last, so that nothing installed is shadowed
    try:
        spec.loader.exec_module(module)
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
    return module

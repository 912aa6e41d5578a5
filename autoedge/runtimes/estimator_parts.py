"""What a scikit-learn estimator is made of."""

from __future__ import annotations

from typing import Any

import numpy as np


def parts(estimator: Any) -> list[Any]:
    """Everything of scikit-learn's that an estimator is made of, itself first, each once; other estimators too."""
    found: list[Any] = []
    seen: set[int] = set()
    waiting = [estimator]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, (list, tuple, set)):
            waiting.extend(each)
        elif isinstance(each, np.ndarray):
            waiting.extend(each.flat if each.dtype.hasobject else ())
        elif not isinstance(each, type) and (type(each).__module__.startswith("sklearn.") or _is_estimator(each)):
            found.append(each)
            waiting.extend(vars(each).values() if hasattr(each, "__dict__") else ())
    return found


def _is_estimator(value: Any) -> bool:
    return callable(getattr(value, "get_params", None))

"""Everything that AutoEdge raises on purpose.

::

    AutoEdgeError                something went wrong that a message can explain
    ├── IntentError              the intent file, or what was asked on the command line, cannot be meant
    ├── ModelError               a model cannot be read, or a variant of it cannot be made
    ├── DataError                evaluation or calibration data do not fit the model
    ├── SpaceError               no candidate is left, or a search space file is wrong
    ├── TargetError              a target cannot be reached or broke down
    ├── MeterError               a power meter is missing or gives nonsense
    ├── StoreError               the run folder or the measurement store cannot be used
    ├── SurrogateError           a surrogate cannot be trained or loaded
    └── BundleError              a bundle is incomplete, altered or cannot be run

    Transient                    mixed in where trying again may help (``class LostTarget(Transient, TargetError)``)

This file also runs on the device, so it keeps to Python 3.9.
"""

from __future__ import annotations


class AutoEdgeError(Exception):
    """The root: its text is one message for the user that says what, where, and what to do next."""


class IntentError(AutoEdgeError):
    """The intent cannot be meant as written.

    Args:
        *problems: One line each; all problems of a file are reported together.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ModelError(AutoEdgeError):
    """A model cannot be read, or a variant of it cannot be made."""


class DataError(AutoEdgeError):
    """Evaluation or calibration data do not fit the model."""


class SpaceError(AutoEdgeError):
    """No candidate is left, or a search space file is wrong."""


class TargetError(AutoEdgeError):
    """A target cannot be reached or broke down."""


class MeterError(AutoEdgeError):
    """A power meter is missing or gives nonsense."""


class MeasurementError(AutoEdgeError):
    """Measurements are possible, and none of them is valid: throttled, too noisy, a window too short."""


class StoreError(AutoEdgeError):
    """The run folder or the measurement store cannot be used."""


class SurrogateError(AutoEdgeError):
    """A surrogate cannot be trained or loaded."""


class BundleError(AutoEdgeError):
    """A bundle is incomplete, altered or cannot be run."""


class Transient(AutoEdgeError):  # noqa: N818 - a trait, not an error of its own
    """Trying again may help."""

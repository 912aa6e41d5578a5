"""One variant to make, as the modules see it that make variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from autoedge.candidate import Scalar
    from autoedge.models.info import ModelInfo

    Feed = dict[str, np.ndarray]


@dataclass(frozen=True)
class Conversion:
    """What to make of which file.

    Attributes:
        given: The file that it is made of.
        info: What is known of that.
        recipe: ``precision`` and the options that belong to it.
        feeds: Calibration batches by input, all of one size; empty where the recipe takes none.
        work: Folder for files on the way.
        output: The file to write.
    """

    given: Path
    info: ModelInfo
    recipe: Mapping[str, Scalar]
    feeds: Sequence[Feed]
    work: Path
    output: Path

"""Model files for configurations, made when they are first needed."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from autoedge.errors import ModelError
from autoedge.models.variants import RECIPE_VERSION, make_variant, tools

if TYPE_CHECKING:
    from autoedge.candidate import Configuration
    from autoedge.models.cache import VariantCache
    from autoedge.models.variants import Variant
    from autoedge.workflows.prepare import Prepared


class VariantShelf:
    """The variants of one intent's models.

    Args:
        prepared: Models and calibration data.
        cache: Where files are kept between runs.

    Attributes:
        seconds: Wall time spent on making variants.
    """

    def __init__(self, prepared: Prepared, cache: VariantCache) -> None:
        self._prepared = prepared
        self._cache = cache
        self._paths = {entry.name: entry.path for entry in prepared.intent.models}
        self._made: dict[str, Variant] = {}
        self._refused: dict[str, str] = {}
        self.seconds = 0.0

    def key(self, configuration: Configuration) -> str:
        """Names the file of a configuration, and which of its outputs counts, before it is made."""
        calibration = self._prepared.calibration_hash if "calibration" in configuration.recipe else ""
        recipe = dict(sorted(configuration.recipe.items()))
        scores = self._prepared.task.scores.get(configuration.model)
        model = self._prepared.infos[configuration.model].sha256
        parts = [model, recipe, calibration, scores, RECIPE_VERSION, tools()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def variant(self, configuration: Configuration) -> Variant:
        """The file of a configuration.

        Raises:
            ModelError: It cannot be made; the same reason each time, found out once.
        """
        key = self.key(configuration)
        if key in self._refused:
            raise ModelError(self._refused[key])
        if key not in self._made:
            began = time.monotonic()
            try:
                self._made[key] = make_variant(
                    self._paths[configuration.model],
                    self._prepared.infos[configuration.model],
                    configuration.recipe,
                    cache=self._cache,
                    calibration=self._prepared.calibration,
                )
            except ModelError as error:
                self._refused[key] = str(error)
                raise
            finally:
                self.seconds += time.monotonic() - began
        return self._made[key]

    def ready(self, configuration: Configuration) -> None:
        """Make a configuration's file now, so that measuring it need not wait; a failure will come up again there."""
        with suppress(ModelError):
            self.variant(configuration)

    def refused(self, configuration: Configuration) -> bool:
        """Whether making its file is known to fail."""
        return self.key(configuration) in self._refused

"""Model files for configurations, made when they are first needed."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from autoedge.errors import DataError, ModelError
from autoedge.models.makers import CALIBRATED
from autoedge.models.model_inputs import ModelInputs
from autoedge.models.variants import RECIPE_VERSION, make_variant, tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.candidate import Configuration
    from autoedge.models.cache import VariantCache
    from autoedge.models.variants import Variant
    from autoedge.space.declaration import SpaceFile
    from autoedge.workflows.model_forms import FormFile
    from autoedge.workflows.prepare import Prepared


class VariantShelf:
    """The variants of one intent's models.

    Args:
        prepared: Models and calibration data.
        cache: Where files are kept between runs.
        files: Say which form of a model a runtime reads.

    Attributes:
        seconds: Wall time spent on making variants.
    """

    def __init__(self, prepared: Prepared, cache: VariantCache, files: Sequence[SpaceFile]) -> None:
        self._prepared = prepared
        self._cache = cache
        self._formats = {file.runtime: file.formats for file in files}
        self._made: dict[str, Variant] = {}
        self._refused: dict[str, str] = {}
        self.seconds = 0.0

    def key(self, configuration: Configuration) -> str:
        """Names the file of a configuration, and which of its outputs counts, before it is made."""
        calibration = self._prepared.calibration_hash if _is_calibrated(configuration) else ""
        recipe = dict(sorted(configuration.recipe.items()))
        scores = self._prepared.task.output_of(configuration.model)
        info = self.form(configuration).info
        made_with = tools(info.format, configuration.runtime)
        parts = [info.sha256, recipe, configuration.runtime, calibration, scores, RECIPE_VERSION, made_with]
        parts += self._steps(configuration)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def _steps(self, configuration: Configuration) -> list[Any]:
        """What is done to samples, and to calibration data: figures of other steps are figures of something else."""
        inputs = self.inputs(configuration)
        try:
            steps = inputs.forms(configuration.knobs)
            calibrated = inputs.forms({}) if _is_calibrated(configuration) else {}
            return [form for form in (steps, calibrated) if form]
        except DataError as error:
            return [str(error)]

    def inputs(self, configuration: Configuration) -> ModelInputs:
        """What is fed to a configuration's model.

        Raises:
            ModelError: The runtime reads no form of the model.
        """
        prepared = self._prepared
        return ModelInputs(self.form(configuration).info.inputs, prepared.intent.inputs, prepared.samples)

    def form(self, configuration: Configuration) -> FormFile:
        """The file that a configuration's variant is made of.

        Raises:
            ModelError: The runtime reads no form of the model.
        """
        for form in self._prepared.forms[configuration.model]:
            if form.info.format in self._formats.get(configuration.runtime, ()):
                return form
        raise ModelError(f"model '{configuration.model}': {configuration.runtime} reads no form of it")

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
                form, inputs = self.form(configuration), self.inputs(configuration)
                self._made[key] = make_variant(
                    form.path,
                    form.info,
                    configuration.recipe,
                    runtime=configuration.runtime,
                    cache=self._cache,
                    calibration=self._prepared.calibration,
                    inputs=inputs.forms({}),
                    shapes=inputs.shapes({}, form.info.fixed_batch or 1) if inputs.specs else None,
                )
            except ModelError as error:
                self._refused[key] = str(error)
                raise
            except DataError as error:
                self._refused[key] = str(error)
                raise ModelError(str(error)) from error
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


def _is_calibrated(configuration: Configuration) -> bool:
    """Whether a configuration's file is made with the user's calibration data."""
    return configuration.recipe.get("precision") in CALIBRATED

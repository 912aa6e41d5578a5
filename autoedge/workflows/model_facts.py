"""What the space must know of the models of an intent: forms, sizes, and which variants there cannot be."""

from __future__ import annotations

import math
from shutil import which
from typing import TYPE_CHECKING

from autoedge.errors import ModelError
from autoedge.models.makers import CALIBRATED, EDGE_TPU_COMPILER, LOSSY, MAKERS, Maker
from autoedge.models.model_inputs import ModelInputs
from autoedge.space.facts import Form, ModelFacts
from autoedge.space.screening import EDGE_TPU

if TYPE_CHECKING:
    from autoedge.candidate import Scalar
    from autoedge.intent.resolved import Intent
    from autoedge.models.info import ModelInfo
    from autoedge.workflows.model_forms import Forms

_REDUCIBLE = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN", "Attention"})


def facts_of(intent: Intent, name: str, forms: Forms) -> ModelFacts:
    """What the space must know of one model.

    Args:
        intent: Says which variants may be made.
        name: The model's.
        forms: The files that there are of it.

    Raises:
        ModelError: Its inputs contradict each other.
    """
    infos = [form.info for form in forms.files]
    told = next((info for info in infos if info.macs is not None), infos[0])
    numbers = {
        "log_macs": told.macs,
        "log_parameters": told.parameters,
        "log_activations": told.activation_peak_bytes,
        "log_size": told.size_bytes,
    }
    features = {key: math.log10(value + 1) for key, value in numbers.items() if value is not None}
    lost = {"ONNX form": forms.lost} if forms.lost else {}
    return ModelFacts(name, tuple(_form(intent, name, info) for info in infos), features, lost)


def _form(intent: Intent, name: str, info: ModelInfo) -> Form:
    sizes = {tensor.shape[0] for tensor in info.inputs if isinstance(tensor.shape[0], int)}
    if len(sizes) > 1:
        raise ModelError(f"model '{name}': its inputs fix different batch sizes {sorted(sizes)}")
    refused = {
        runtime: _refused(intent, info, maker) for (suffix, runtime), maker in MAKERS.items() if suffix == info.format
    }
    return Form(
        info.format,
        info.precision,
        only=_only(intent, info) | ({"batch": (int(next(iter(sizes))),)} if sizes else {}),
        refused=refused,
        weights=info.parameters,
        activations=info.activation_peak_bytes,
    )


def _only(intent: Intent, info: ModelInfo) -> dict[str, tuple[Scalar, ...]]:
    """By knob of an input, the levels that the model takes; of an input that it has not, one that says nothing."""
    takes = ModelInputs(info.inputs, intent.inputs).knobs
    return {spec.knob: takes.get(spec.knob, spec.levels[:1]) for spec in intent.inputs if spec.levels}


def _refused(intent: Intent, info: ModelInfo, maker: Maker) -> dict[str, str]:
    """By precision, why there is no such variant."""
    lossy = [precision for precision in maker.recipes if precision in LOSSY]
    if info.precision != "fp32":
        return dict.fromkeys(maker.recipes, f"the model as given is {info.precision}")
    if info.format == ".onnx" and not _REDUCIBLE & set(info.operators):
        return dict.fromkeys(lossy, "it has no convolution or matrix product to make smaller")
    if intent.data.evaluation is None and not intent.lossy:
        return dict.fromkeys(lossy, "what it loses cannot be seen without data.evaluation (or say lossy: allow)")
    if maker.missing:
        return dict.fromkeys(maker.recipes, maker.missing)
    refused = {}
    if EDGE_TPU in maker.recipes and which(EDGE_TPU_COMPILER) is None:
        refused[EDGE_TPU] = f"it takes Google's {EDGE_TPU_COMPILER}, which is not installed"
    if intent.data.calibration is None:
        refused |= dict.fromkeys(CALIBRATED & set(lossy), "it needs data.calibration")
    return refused

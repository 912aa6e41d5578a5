"""LightGBM models in text form: what is known of one, and the same one under a header of our own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.errors import ModelError
from autoedge.lightgbm_text import BEGIN, END, sound_trees
from autoedge.models.info import ModelInfo, Tensor
from autoedge.runtimes.lightgbm import INPUT, output_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_BYTES = 512 * 2**20
_MOST_LEAVES = 131_072  # what LightGBM itself allows
_MOST_COLUMNS = 10**6
_LFS = b"version https://git-lfs"
# What LightGBM writes behind an objective's name decides how it turns sums of leaves into predictions.
_OPTIONS: Mapping[str, str] = {
    "binary": r"sigmoid:[0-9.e+-]+",
    "multiclass": r"num_class:\d+",
    "multiclassova": r"num_class:\d+ sigmoid:[0-9.e+-]+",
    "regression": r"(sqrt)?",
    "cross_entropy": "",
    "cross_entropy_lambda": "",
    "regression_l1": "",
    "huber": "",
    "fair": "",
    "poisson": "",
    "quantile": "",
    "mape": "",
    "gamma": "",
    "tweedie": "",
    "lambdarank": "",
    "rank_xendcg": "",
    "custom": "",
    "": "",
}


@dataclass(frozen=True)
class Boosted:
    """A LightGBM model as read.

    Attributes:
        sha256: Of the file.
        size_bytes: Of the file.
        objective: As the file has it, with its options; empty for a loss of the user's own.
        columns: Inputs.
        per_round: Trees of one boosting round, one for each output that is summed up.
        average: Whether the rounds are averaged rather than summed up (random forest).
        trees: The text of the trees, all of them sound.
    """

    sha256: str
    size_bytes: int
    objective: str
    columns: int
    per_round: int
    average: bool
    trees: str

    @property
    def count(self) -> int:
        """How many trees there are."""
        return self.trees.count("Tree=")

    @property
    def text(self) -> str:
        """The model as LightGBM reads it."""
        header = [
            "tree",
            "version=v4",
            f"num_class={self.per_round}",
            f"num_tree_per_iteration={self.per_round}",
            "label_index=0",
            f"max_feature_idx={self.columns - 1}",
            *([f"objective={self.objective}"] if self.objective else []),
            *(["average_output"] if self.average else []),
            f"feature_names={' '.join(f'Column_{column}' for column in range(self.columns))}",
            f"feature_infos={' '.join(['none'] * self.columns)}",
        ]
        return "\n".join(header) + "\n\n" + self.trees + END + "\n"


def look(path: Path) -> ModelInfo:
    """Everything that is known of the model at ``path``; LightGBM itself is not asked.

    Parameters are the thresholds of its splits and the values of its leaves.

    Raises:
        ModelError: It is no LightGBM model, or not a sound one.
    """
    model = read(path)
    name, width = output_of(model.objective.partition(" ")[0], model.per_round)
    leaves = sum(map(int, re.findall(r"^num_leaves=(\d+)$", model.trees, re.MULTILINE)))
    return ModelInfo(
        sha256=model.sha256,
        size_bytes=model.size_bytes,
        ir_version=0,
        opset=0,
        precision="fp64",
        inputs=(Tensor(INPUT, "float64", (None, model.columns)),),
        outputs=(Tensor(name, "float64", (None, width)),),
        parameters=2 * leaves - model.count,  # a tree has one split fewer than leaves
        macs=0,
        activation_peak_bytes=8 * (model.columns + width),
        operators={"lightgbm.Tree": model.count},
        format=".txt",
    )


def pack(path: Path, into: Path) -> str:
    """Write the model with nothing but checked lines, and return the hash of what lay at ``path``.

    Raises:
        ModelError: It is no LightGBM model, or not a sound one.
    """
    model = read(path)
    into.write_text(model.text, encoding="ascii")
    return model.sha256


def read(path: Path) -> Boosted:
    """Read a model and check every line that LightGBM would follow.

    Raises:
        ModelError: It is no LightGBM model, or not a sound one.
    """
    data = _bytes(path)
    try:
        text = data.decode().replace("\r\n", "\n")
        columns, per_round, objective, average = _header(text)
        if "\nis_linear=1\n" in text:
            raise ModelError("its leaves are linear models, which are not supported; train it without linear_tree")
        trees = sound_trees(text, columns, per_round, _MOST_LEAVES)
        trees.encode("ascii")
    except UnicodeError as error:
        raise ModelError(f"it is no LightGBM model in text form: {error}") from error
    except ValueError as error:
        raise ModelError(f"{error}; save it again with Booster.save_model") from error
    return Boosted(hashlib.sha256(data).hexdigest(), len(data), objective, columns, per_round, average, trees)


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ModelError("it is not a file")
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise ModelError(f"a LightGBM model may have at most {_MOST_BYTES} bytes (512 MiB), but this has {size}")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"it cannot be read: {error.strerror}") from error
    if data.startswith(_LFS):
        raise ModelError("the file is a Git LFS pointer, not the model itself; fetch it with: git lfs pull")
    return data


def _header(text: str) -> tuple[int, int, str, bool]:
    """Columns, trees of a round, objective, and whether rounds are averaged.

    Raises:
        ValueError: The lines above the trees are not what LightGBM writes.
    """
    begin = text.find(BEGIN)
    if not text.startswith("tree\n") or begin < 0:
        raise ValueError("a .txt file is taken for a LightGBM model in text form, and it is none")
    lines = text[:begin].split("\n")
    fields = {name: value for name, _, value in (line.partition("=") for line in lines)}
    columns, per_round = _whole(fields, "max_feature_idx") + 1, _whole(fields, "num_tree_per_iteration")
    if not 1 <= columns <= _MOST_COLUMNS or per_round < 1 or _whole(fields, "num_class") != per_round:
        raise ValueError(
            f"it has 1 to {_MOST_COLUMNS} columns and one tree a class and round, but says {columns} columns, "
            f"{per_round} trees and {fields['num_class']} classes"
        )
    objective = " ".join(fields.get("objective", "").split())
    name, _, options = objective.partition(" ")
    if name not in _OPTIONS or not re.fullmatch(_OPTIONS[name], options):
        raise ValueError(f"its objective is none that LightGBM writes: {objective[:80]!r}")
    classes = re.search(r"num_class:(\d+)", options)
    if (int(classes[1]) if classes else per_round) != per_round or (name == "binary" and per_round != 1):
        raise ValueError(f"its objective '{objective[:80]}' and its {per_round} trees a round contradict each other")
    return columns, per_round, objective, "average_output" in fields


def _whole(fields: Mapping[str, str], name: str) -> int:
    if not re.fullmatch(r"\d{1,9}", fields.get(name, "")):
        raise ValueError(f"{name} is a whole number, but it says {fields.get(name, 'nothing')[:20]!r}")
    return int(fields[name])

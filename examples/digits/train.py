"""Make the data and the models of the digits example: `python train.py`.

The same seed and package versions give the same files on the same kind of processor. Prints the table of the README.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from nets import NETS
from onnx_ir import from_proto, to_proto
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch import nn

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.base import ClassifierMixin

HERE = Path(__file__).resolve().parent
SEED = 0
EVALUATION, CALIBRATION = 600, 200
OPSET, ML_OPSET, IR_VERSION = 18, 3, 10  # what ONNX Runtime 1.19 still loads
EPOCHS, BATCH, PEAK_RATE = 40, 32, 0.01
LEARNED = {"coefficients", "intercepts", "nodes_values"}  # attributes of the ai.onnx.ml operators


class Split(NamedTuple):
    """Images (N, 1, 8, 8), float32 in 0..1, and their labels (N,), int64."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


def split_digits() -> dict[str, Split]:
    """Return disjoint, stratified parts of the digits: train, calib and eval."""
    digits = load_digits()
    x = (digits.images[:, None] / 16).astype(np.float32)
    y = digits.target.astype(np.int64)
    rest_x, eval_x, rest_y, eval_y = train_test_split(x, y, test_size=EVALUATION, stratify=y, random_state=SEED)
    train_x, calib_x, train_y, calib_y = train_test_split(
        rest_x, rest_y, test_size=CALIBRATION, stratify=rest_y, random_state=SEED
    )
    return {
        "train": Split(train_x, train_y),
        "calib": Split(calib_x, calib_y),
        "eval": Split(eval_x, eval_y),
    }


def train_net(name: str, data: Split) -> nn.Module:
    """Return the named net, trained on `data` and put into inference mode."""
    torch.manual_seed(SEED)
    net = NETS[name]()
    x, y = torch.from_numpy(data.x), torch.from_numpy(data.y)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, epochs=EPOCHS, steps_per_epoch=len(x) // BATCH)
    for _ in range(EPOCHS):
        # A last, incomplete batch is dropped: the order changes each epoch.
        for rows in torch.randperm(len(x)).split(BATCH)[: len(x) // BATCH]:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows], label_smoothing=0.05)
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def convert_net(net: nn.Module) -> onnx.ModelProto:
    """Return the net as ONNX with a free batch axis."""
    program = torch.onnx.export(
        net,
        (torch.zeros(2, 1, 8, 8),),
        dynamo=True,
        opset_version=OPSET,
        input_names=["image"],
        output_names=["scores"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    return program.model_proto


def convert_classic(classifier: ClassifierMixin) -> onnx.ModelProto:
    """Return the scikit-learn classifier as ONNX: a label and ten probabilities a row."""
    return to_onnx(
        classifier,
        initial_types=[("pixels", FloatTensorType([None, 64]))],
        options={"zipmap": False},
        target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
    )


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write the model without doc strings and metadata, which name files of the training machine."""
    clean = ClearMetadataAndDocStringPass()(from_proto(model)).model
    clean.ir_version = IR_VERSION
    proto = to_proto(clean)
    proto.opset_import.sort(key=lambda item: item.domain)  # skl2onnx gives them in the order of a hash
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def accuracy(path: Path, data: Split) -> float:
    """Return the share of rows whose best score in ONNX Runtime is the label's."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    x = data.x.reshape(len(data.x), *given.shape[1:])
    scores = session.run([session.get_outputs()[-1].name], {given.name: x})[0]
    return float(np.mean(scores.argmax(axis=1) == data.y))


def parameters(path: Path) -> int:
    """Count the learned numbers: weights, and for trees one a node (threshold or leaf value)."""
    graph = onnx.load(path).graph
    weights = sum(
        int(np.prod(tensor.dims)) for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT
    )
    attributes = (item for node in graph.node for item in node.attribute)
    return weights + sum(len(item.floats) for item in attributes if item.name in LEARNED)


def main() -> None:
    """Write data/ and models/, then print accuracy, parameters and size of each model."""
    torch.set_num_threads(1)  # the order of summation, and so the result, depends on it
    torch.use_deterministic_algorithms(mode=True)
    data = split_digits()
    for folder in ("data", "models"):
        (HERE / folder).mkdir(exist_ok=True)
    for name, part in data.items():
        np.savez_compressed(HERE / "data" / f"{name}.npz", x=part.x, y=part.y)

    flat = data["train"].x.reshape(-1, 64)
    classics = {
        "logreg": LogisticRegression(C=1.0, max_iter=1000),
        "boosted-trees": GradientBoostingClassifier(
            n_estimators=60, max_depth=3, subsample=0.7, max_features=16, random_state=SEED
        ),
    }
    print("| model | accuracy | parameters | bytes |")
    print("|---|--:|--:|--:|")
    for name in [*classics, *NETS]:
        if name in classics:
            model = convert_classic(classics[name].fit(flat, data["train"].y))
        else:
            model = convert_net(train_net(name, data["train"]))
        path = HERE / "models" / f"{name}.onnx"
        save(model, path)
        share = accuracy(path, data["eval"])
        print(f"| `{name}` | {100 * share:.2f} % | {parameters(path)} | {path.stat().st_size} |", flush=True)


if __name__ == "__main__":
    main()

"""Make the models of `formats.yaml`: one net for any image size as ONNX and .tflite, and a scikit-learn pipeline.

`python train_formats.py`, after `train.py`. Prints the table of the README.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import litert_torch
import numpy as np
import skops.io
import torch
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils
from nets import conv_any
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from train import BATCH, OPSET, SEED, Split, save, split_digits

if TYPE_CHECKING:
    import onnx

HERE = Path(__file__).resolve().parent
SIZES = (6, 8, 12)
EPOCHS, PEAK_RATE = 80, 0.005


def resized(images: torch.Tensor, size: int) -> torch.Tensor:
    """Return images (N, 1, H, W) at another size: bilinear, antialiased where they shrink, as AutoEdge resizes them."""
    if images.shape[-1] == size:
        return images
    return nn.functional.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)


def trained(data: Split) -> nn.Module:
    """Return the net, trained on images of all sizes."""
    torch.manual_seed(SEED)
    net = conv_any()
    x, y = torch.from_numpy(data.x), torch.from_numpy(data.y)
    at_size = {size: resized(x, size) for size in SIZES}
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    steps = len(x) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, epochs=EPOCHS, steps_per_epoch=steps)
    generator = np.random.default_rng(SEED)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH)[:steps]:
            optimizer.zero_grad()
            images = at_size[int(generator.choice(SIZES))][rows]
            nn.functional.cross_entropy(net(images), y[rows], label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def to_onnx(net: nn.Module) -> onnx.ModelProto:
    """Return the net as ONNX with free batch, height and width."""
    free = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height", min=4), 3: torch.export.Dim("width", min=4)}
    program = torch.onnx.export(
        net,
        (torch.zeros(2, 1, 8, 8),),
        dynamo=True,
        opset_version=OPSET,
        input_names=["image"],
        output_names=["scores"],
        dynamic_shapes=(free,),
        verbose=False,
    )
    return program.model_proto


def to_tflite(net: nn.Module, path: Path) -> None:
    """Write the net as .tflite that takes (N, H, W, 1); all but the channel is marked as free."""
    last = litert_torch.to_channel_last_io(net, args=[0])
    litert_torch.convert(last, (torch.zeros(1, 8, 8, 1),)).export(str(path))
    model = flatbuffer_utils.read_model(str(path))
    graph = model.subgraphs[0]
    given, told = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    given.shapeSignature, told.shapeSignature = [-1, -1, -1, 1], [-1, *told.shape[1:]]
    signature = model.signatureDefs[0]
    signature.inputs[0].name, signature.outputs[0].name = b"image", b"scores"
    model.metadata, model.metadataBuffer = [], None
    flatbuffer_utils.write_model(model, str(path))


def to_skops(data: Split, path: Path) -> object:
    """Write a pipeline for the flat pixels: standardised, then a perceptron with one hidden layer."""
    perceptron = MLPClassifier((48,), alpha=0.01, max_iter=400, random_state=SEED)
    pipeline = make_pipeline(StandardScaler(), perceptron).fit(data.x.reshape(len(data.x), -1), data.y)
    skops.io.dump(pipeline, path)
    return pipeline


def main() -> None:
    """Write the three models, then print the accuracy of each at each size."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    data = split_digits()
    net, models = trained(data["train"]), HERE / "models"
    save(to_onnx(net), models / "conv-any.onnx")
    to_tflite(net, models / "conv-any.tflite")
    pipeline = to_skops(data["train"], models / "pipeline.skops")
    evaluation = data["eval"]
    for size in SIZES:
        images = resized(torch.from_numpy(evaluation.x), size)
        with torch.no_grad():
            share = float((net(images).argmax(1).numpy() == evaluation.y).mean())
        engine = Interpreter(str(models / "conv-any.tflite"))
        engine.resize_tensor_input(engine.get_input_details()[0]["index"], (len(images), size, size, 1))
        engine.allocate_tensors()
        engine.set_tensor(engine.get_input_details()[0]["index"], images.permute(0, 2, 3, 1).contiguous().numpy())
        engine.invoke()
        lite = engine.get_tensor(engine.get_output_details()[0]["index"]).argmax(1)
        print(f"| conv-any | {size} | {100 * share:.2f} % | {100 * np.mean(lite == evaluation.y):.2f} % |")
    flat = evaluation.x.reshape(len(evaluation.x), -1)
    print(f"| pipeline | 8 | {100 * pipeline.score(flat, evaluation.y):.2f} % |")
    for path in ("conv-any.onnx", "conv-any.tflite", "pipeline.skops"):
        print(f"{path}: {(models / path).stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""Make the data and the models of the text example: `python train.py`.

The same seed and package versions give the same files on the same kind of processor. Prints the table of the README.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import torch
from grammar import PARTS, WINDOW, Split, make_data, vocabulary
from nets import NETS
from onnx_ir import from_proto, to_proto
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from torch import nn

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
SEED = 0
LENGTHS = (16, 32, 64, 128)
DRAWN = (16, 32, 64, 128, 128)  # of these one is drawn for a step: short windows are the noisier ones
STOP, COMMA = vocabulary()["."], vocabulary()[","]
OPSET, IR_VERSION = 18, 10  # what ONNX Runtime 1.19 still loads
EPOCHS, BATCH, PEAK_RATE = 30, 64, 0.004


def shuffled(rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return messages (N, 128) with their clauses in another order, which keeps their class.

    The greeting stays in front, and a clause that the window cuts off stays at the end.
    """
    result = np.zeros_like(rows)
    for row, tokens in enumerate(rows):
        words = tokens[tokens != 0]
        greeting = np.flatnonzero(words == COMMA)[-1:] + 1
        first, *clauses, last = np.split(words, [*greeting, *(np.flatnonzero(words == STOP) + 1)])
        order = rng.permutation(len(clauses))
        result[row, : len(words)] = np.concatenate([first, *(clauses[place] for place in order), last])
    return result


def train_net(name: str, data: Split) -> nn.Module:
    """Return the named net, trained on `data` with shuffled clauses cut at lengths drawn anew for each step."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    net = NETS[name]()
    y = torch.from_numpy(data.y)
    steps = len(y) // BATCH  # a last, incomplete batch is dropped: the order changes each epoch
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, epochs=EPOCHS, steps_per_epoch=steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(y)).split(BATCH)[:steps]:
            optimizer.zero_grad()
            tokens = shuffled(data.x[rows.numpy()], rng)[:, : int(rng.choice(DRAWN))]
            scores = net(torch.from_numpy(np.ascontiguousarray(tokens)))
            nn.functional.cross_entropy(scores, y[rows], label_smoothing=0.05).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return net.eval()


def to_onnx(net: nn.Module) -> onnx.ModelProto:
    """Return the net as ONNX with free batch and length."""
    free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=WINDOW)}
    program = torch.onnx.export(
        net,
        (torch.ones(2, 24, dtype=torch.int64),),
        dynamo=True,
        opset_version=OPSET,
        input_names=["tokens"],
        output_names=["scores"],
        dynamic_shapes=(free,),
        verbose=False,
    )
    return program.model_proto


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write the model without doc strings and metadata, which name files of the training machine."""
    clean = ClearMetadataAndDocStringPass()(from_proto(model)).model
    clean.ir_version = IR_VERSION
    proto = to_proto(clean)
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def answers(path: Path, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what ONNX Runtime gives for token ids (N, L): (N, 6)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["scores"], {"tokens": tokens})[0], np.float32)


def main() -> None:
    """Write data/ and models/, then print the accuracy of each model at each length, its parameters and bytes."""
    torch.set_num_threads(1)  # the order of summation, and so the result, depends on it
    torch.use_deterministic_algorithms(mode=True)
    data = make_data()
    for folder in ("data", "models"):
        (HERE / folder).mkdir(exist_ok=True)
    for name in PARTS:
        np.savez_compressed(HERE / "data" / f"{name}.npz", x=data[name].x, y=data[name].y)
    held_out = data["eval"]
    print(f"| model | {' | '.join(map(str, LENGTHS))} | parameters | bytes |")
    print(f"|---|{'--:|' * (len(LENGTHS) + 2)}")
    for name in NETS:
        net, path = train_net(name, data["train"]), HERE / "models" / f"{name}.onnx"
        save(to_onnx(net), path)
        shares = []
        for length in LENGTHS:
            tokens = np.ascontiguousarray(held_out.x[:, :length])
            given = answers(path, tokens)
            with torch.no_grad():
                expected = net(torch.from_numpy(tokens)).numpy()
            np.testing.assert_allclose(given, expected, rtol=0, atol=1e-4)
            shares.append(f"{np.mean(given.argmax(1) == held_out.y):.1%}".replace("%", " %"))
        count = sum(weight.numel() for weight in net.parameters())
        print(f"| `{name}` | {' | '.join(shares)} | {count} | {path.stat().st_size} |", flush=True)


if __name__ == "__main__":
    main()

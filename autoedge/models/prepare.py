"""Bring a model into the form that the converters need, and their result into the form that is kept."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx.version_converter

from autoedge.models import structure, walk

if TYPE_CHECKING:
    from pathlib import Path

_OLDEST_IR = 4  # the first in which initialisers need not be listed as inputs


def prepared(model: onnx.ModelProto, work: Path, *, opset: int = 0) -> onnx.ModelProto:
    """A model with constants folded, a name of its own for every operator and a known type for every value.

    Args:
        model: As given; not changed.
        work: Folder for files on the way.
        opset: The oldest that the conversion can use; an older model is brought there.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    current = onnx.ModelProto()
    current.CopyFrom(model)
    current = structure.inlined(current)
    _forget_shapes_of_initialisers(current.graph)
    if current.ir_version < _OLDEST_IR:
        current.ir_version = _OLDEST_IR
        _unlist_initialisers(current.graph)
    if 0 < walk.opset(current) < opset:
        current = onnx.version_converter.convert_version(current, opset)
    given, done = work / "given.onnx", work / "prepared.onnx"
    onnx.save(current, given)
    # Without its symbolic shape inference, which fails on many sound models: types are all that is needed.
    quant_pre_process(str(given), str(done), skip_symbolic_shape=True)
    result = onnx.load(done)
    _name_operators(result.graph)
    _add_missing_types(result, work)
    return result


def tidied(model: onnx.ModelProto, like: onnx.ModelProto) -> onnx.ModelProto:
    """A converter's result as it is kept: in order, without leftovers, and to the outside like the model it is made of.

    Args:
        model: The result; changed.
        like: The model as given. Its format version stays, so that a runtime that loads it loads the variant too.
    """
    graph = model.graph
    graph.ClearField("input")
    graph.ClearField("output")
    graph.input.extend(like.graph.input)
    graph.output.extend(like.graph.output)
    graph.name = like.graph.name
    _unlist_initialisers(graph, also=like.graph)
    for inner in walk.graphs(model):
        inner.ClearField("value_info")
    _sort(graph)
    used = {walk.domain(node.domain) for node in walk.nodes(model)}
    opsets = {walk.domain(each.domain): each.version for each in model.opset_import}
    kept = [onnx.helper.make_opsetid(name, opsets[name]) for name in sorted(used | {""}) if name in opsets]
    model.ClearField("opset_import")
    model.opset_import.extend(kept)
    model.ir_version = max(_OLDEST_IR, like.ir_version)
    model.producer_name, model.producer_version = "autoedge", ""
    model.doc_string = like.doc_string
    model.ClearField("metadata_props")
    model.metadata_props.extend(like.metadata_props)
    return model


def _forget_shapes_of_initialisers(graph: onnx.GraphProto) -> None:
    """Drop what an exporter notes of an initialiser's shape: converters transpose weights and leave the note behind."""
    stored = {each.name for each in graph.initializer}
    kept = [each for each in graph.value_info if each.name not in stored]
    graph.ClearField("value_info")
    graph.value_info.extend(kept)


def _unlist_initialisers(graph: onnx.GraphProto, also: onnx.GraphProto | None = None) -> None:
    stored = {each.name for source in (graph, also) if source for each in source.initializer}
    free = [onnx.ValueInfoProto.FromString(each.SerializeToString()) for each in graph.input if each.name not in stored]
    graph.ClearField("input")
    graph.input.extend(free)


def _name_operators(graph: onnx.GraphProto) -> None:
    taken: set[str] = set()
    for index, node in enumerate(graph.node):
        name = node.name or f"{node.op_type}_{index}"
        while name in taken:
            name += "_"
        taken.add(name)
        node.name = name


def _add_missing_types(model: onnx.ModelProto, work: Path) -> None:
    """Let ONNX Runtime say the types that ONNX cannot infer, such as those behind operators of ``ai.onnx.ml``."""
    from autoedge.runtimes.onnxruntime import OnnxRuntime

    graph = model.graph
    typed = {port.name for port in (*graph.input, *graph.output, *graph.value_info)}
    missing = {name for node in graph.node for name in node.output if name and name not in typed}
    if not missing:
        return
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(missing))
    path = work / "probe.onnx"
    onnx.save(probe, path)
    for port in OnnxRuntime().load(path, {"graph_level": "disable"}).outputs:
        if port.name in missing and "(" not in port.dtype:  # the others are sequences and maps
            kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(port.dtype))
            graph.value_info.append(onnx.helper.make_tensor_value_info(port.name, kind, None))


def _sort(graph: onnx.GraphProto) -> None:
    """Put operators behind those that they read from, otherwise in the order in which they are."""
    nodes = list(graph.node)
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs = [{makers[name] for name in walk.reads(node) if name in makers} for node in nodes]
    readers: dict[int, list[int]] = {}
    for index, need in enumerate(needs):
        for maker in need:
            readers.setdefault(maker, []).append(index)
    ready = [index for index, need in enumerate(needs) if not need]
    heapify(ready)
    order: list[onnx.NodeProto] = []
    while ready:
        index = heappop(ready)
        order.append(nodes[index])
        for reader in readers.get(index, ()):
            needs[reader].discard(index)
            if not needs[reader]:
                heappush(ready, reader)
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in order]
    graph.ClearField("node")
    graph.node.extend(kept)

"""Check that a model's graph hangs together, and say in one sentence what is wrong when it does not."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import onnx
import onnx.inliner

from autoedge.errors import ModelError
from autoedge.models import walk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STANDARD_DOMAINS = frozenset({"", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training"})
# Operators outside ONNX that every build of ONNX Runtime brings along.
_RUNTIME_DOMAINS = frozenset({"com.microsoft"})
_SHOWN = 8


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its local functions put in the place of their calls.

    Raises:
        ModelError: The functions call each other in a circle.
    """
    if not model.functions:
        return model
    try:
        return onnx.inliner.inline_local_functions(model)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"it breaks ONNX's rules: {error}") from error


def check(model: onnx.ModelProto) -> None:
    """Check versions, operators, order and what goes in and out.

    Args:
        model: Its local functions are inlined.

    Raises:
        ModelError: The first thing that is wrong.
    """
    _check_versions(model)
    opsets = {walk.domain(each.domain): each.version for each in model.opset_import}
    for node in walk.nodes(model):
        _check_operator(node, opsets)
    _check_ports(model.graph)
    _check_order(model.graph, ())
    checked = onnx.ModelProto()
    checked.CopyFrom(model)
    for port in checked.graph.output:
        port.type.tensor_type.shape.SetInParent()  # it wants a shape here, though no runtime needs one
    try:
        onnx.checker.check_model(checked)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"it breaks ONNX's rules: {str(error).partition('==>')[0]}") from error


def _check_versions(model: onnx.ModelProto) -> None:
    newest = {"IR version": onnx.IR_VERSION, "opset": onnx.defs.onnx_opset_version()}
    for what, version in (("IR version", model.ir_version), ("opset", walk.opset(model))):
        if version > newest[what]:
            raise ModelError(
                f"its {what} {version} is newer than {newest[what]}, the newest that onnx {onnx.__version__} knows; "
                f"upgrade onnx or export with an older {what}"
            )


def _check_operator(node: onnx.NodeProto, opsets: Mapping[str, int]) -> None:
    domain = walk.domain(node.domain)
    if domain in _RUNTIME_DOMAINS:
        return
    shown = domain or "ai.onnx"
    if domain not in STANDARD_DOMAINS:
        raise ModelError(
            f"operator '{node.op_type}' of domain '{shown}' needs a custom operator library, and none is loaded; "
            "export the model with ONNX's own operators"
        )
    if domain not in opsets:
        raise ModelError(f"operator '{node.op_type}' is used, but no opset is imported for its domain '{shown}'")
    try:
        schema = onnx.defs.get_schema(node.op_type, opsets[domain], domain)
    except onnx.defs.SchemaError as error:
        raise ModelError(
            f"operator '{node.op_type}' is unknown in opset {opsets[domain]} of domain '{shown}'"
        ) from error
    if schema.deprecated:
        raise ModelError(
            f"operator '{node.op_type}' was removed from domain '{shown}' in opset {schema.since_version}, "
            f"and the model imports opset {opsets[domain]}"
        )


def _check_ports(graph: onnx.GraphProto) -> None:
    stored = {each.name for each in graph.initializer} | {each.values.name for each in graph.sparse_initializer}
    inputs = [each for each in graph.input if each.name not in stored]
    if not inputs:
        raise ModelError("it has no inputs, so there is nothing to feed it")
    if not graph.output:
        raise ModelError("it has no outputs, so there is nothing to learn from it")
    for port in inputs:
        if port.type.WhichOneof("value") != "tensor_type":
            raise ModelError(f"input '{port.name}' is a {_type_name(port.type)}; only tensors can be fed")
        if not port.type.tensor_type.HasField("shape"):
            raise ModelError(f"input '{port.name}' has no shape; export it with one (free dimensions are welcome)")
    for port in graph.output:
        if port.type.WhichOneof("value") not in {"tensor_type", None}:
            raise ModelError(
                f"output '{port.name}' is a {_type_name(port.type)}; only tensors are measured: export without it "
                "(skl2onnx: convert_sklearn(..., options={'zipmap': False}))"
            )


def _type_name(kind: onnx.TypeProto) -> str:
    which = kind.WhichOneof("value") or "value of no type"
    if which == "sequence_type":
        return f"sequence of {_type_name(kind.sequence_type.elem_type)}s"
    return which.removesuffix("_type").replace("_", " ")


def _check_order(graph: onnx.GraphProto, outer: Sequence[set[str]]) -> None:
    """Every value is made before it is read, in every graph; ``outer`` are the names of the graphs around it."""
    known = {each.name for each in graph.input} | {each.name for each in graph.initializer}
    known |= {each.values.name for each in graph.sparse_initializer}
    scopes = (*outer, known)
    for node in graph.node:
        for name in node.input:
            if name and not any(name in scope for scope in scopes):
                raise ModelError(_why_unknown(graph, node, name))
        for inner in walk.subgraphs(node):
            _check_order(inner, scopes)
        known.update(name for name in node.output if name)
    for port in graph.output:
        if not any(port.name in scope for scope in scopes):
            raise ModelError(f"output '{port.name}' is made by no operator")


def _why_unknown(graph: onnx.GraphProto, reader: onnx.NodeProto, name: str) -> str:
    makers = {output: index for index, node in enumerate(graph.node) for output in node.output if output}
    who = f"operator '{reader.name or reader.op_type}' reads '{name}'"
    if name not in makers:
        return f"{who}, which nothing makes: an initialiser or an operator is missing"
    needs = {index: {makers[each] for each in node.input if each in makers} for index, node in enumerate(graph.node)}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = [graph.node[index].name or graph.node[index].op_type for index in error.args[1]]
        shown = [*circle[:_SHOWN], *(["..."] if len(circle) > _SHOWN else [])]
        return f"its graph runs in a circle: {' -> '.join(shown)}"
    return f"{who} before it is made: its operators are not in topological order"

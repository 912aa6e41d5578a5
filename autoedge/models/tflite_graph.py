"""Read the tables of a LiteRT model into plain values, trusting none of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK = b"TFL3"
BITS: Mapping[str, int | None] = {
    "float32": 32,
    "float16": 16,
    "int32": 32,
    "uint8": 8,
    "int64": 64,
    "str": None,
    "bool": 8,
    "int16": 16,
    "complex64": 64,
    "int8": 8,
    "float64": 64,
    "complex128": 128,
    "uint64": 64,
    "resource": None,
    "variant": None,
    "uint32": 32,
    "uint16": 16,
    "int4": 4,
    "bfloat16": 16,
    "int2": 2,
    "uint4": 4,
    "float8_e4m3fn": 8,
    "float8_e5m2": 8,
}
"""Bits of an element by type, in the order of the schema's ``TensorType``; None where elements have no fixed size."""
_TYPES = tuple(BITS)
_MAX_TABLES = 2**20
_MAX_RANK = 32
_MAX_ELEMENTS = 2**62
_GRAPHS_OF = {
    "IF": (("IfOptions", ("ThenSubgraphIndex", "ElseSubgraphIndex")),),
    "WHILE": (("WhileOptions", ("CondSubgraphIndex", "BodySubgraphIndex")),),
    "CALL": (("CallOptions", ("Subgraph",)),),
    "STABLEHLO_COMPOSITE": (("StableHLOCompositeOptions", ("DecompositionSubgraphIndex",)),),
}


@dataclass(frozen=True)
class TensorFacts:
    """A value of a graph.

    Attributes:
        index: In its graph.
        name: As in the model.
        dtype: Numpy name.
        shape: As stored; free dimensions are usually 1 there.
        dims: The same with None for each free dimension.
        buffer: Where its data lie, 0 for none.
        stored: Whether the file holds its data.
        variable: Whether it keeps its value from one call to the next.
        ranked: Whether its number of dimensions is known.
        scales: Of its quantisation; one for the whole tensor or one for each channel.
        zero_points: To each scale.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    dims: tuple[int | None, ...]
    buffer: int
    stored: bool
    variable: bool
    ranked: bool
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]

    @property
    def elements(self) -> int:
        """By its stored shape."""
        return math.prod(self.shape)

    @property
    def quantised(self) -> bool:
        """Whether it holds integers that stand for real numbers."""
        return "int" in self.dtype and (BITS[self.dtype] or 64) <= 16 and any(self.scales)  # noqa: PLR2004 - int32 holds sums

    @property
    def scale(self) -> tuple[float, int]:
        """Scale and zero point of the whole tensor; zeros for plain values."""
        if not self.quantised or len(self.scales) != 1:
            return 0.0, 0
        return self.scales[0], self.zero_points[0] if self.zero_points else 0


@dataclass(frozen=True)
class OperatorFacts:
    """An operator.

    Attributes:
        name: Of the schema; ``custom.NAME`` for one outside it.
        inputs: Tensor indices, -1 for an optional one that is left out.
        outputs: Tensor indices.
        graphs: Indices of the graphs that it runs.
        turned: Of a matrix product, whether its left side is read by columns.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    graphs: tuple[int, ...]
    turned: bool


@dataclass(frozen=True)
class GraphFacts:
    """A graph: the model's own, or the body of a branch or a loop."""

    tensors: tuple[TensorFacts, ...]
    operators: tuple[OperatorFacts, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class ModelFacts:
    """A model.

    Attributes:
        version: Of the schema.
        graphs: The first is the model's own.
        signed: Tensor indices by name, for ``inputs`` and ``outputs``, of the only signature when it is of the first
            graph; empty without one.
    """

    version: int
    graphs: tuple[GraphFacts, ...]
    signed: Mapping[str, Mapping[str, int]]


def read(data: bytes) -> ModelFacts:
    """The facts of a model file.

    Raises:
        ModelError: It is no LiteRT model, it is damaged, or it keeps its weights elsewhere.
    """
    if data[4:8] != MARK:
        raise ModelError(f"it is not a LiteRT model, or it was cut short: it lacks the mark {MARK.decode()}")
    try:
        return _Reader(data).model()
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # struct.error, ValueError, IndexError, ...: whatever a wild offset leads to
        raise ModelError(f"it is not a LiteRT model, or it is damaged: {type(error).__name__}: {error}") from error


class _Reader:
    """Walks the tables; what lies outside the file makes the schema's code raise."""

    def __init__(self, data: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._data = data
        self._schema = schema
        self._model = schema.Model.GetRootAs(data, 0)
        self._tables = 0

    def model(self) -> ModelFacts:
        graphs = tuple(
            self._graph(self._model.Subgraphs(index)) for index in self._range(self._model.SubgraphsLength())
        )
        if not graphs or not graphs[0].operators:
            raise ModelError("it is not a LiteRT model, or it was cut short: it holds no graph of operators")
        count = len(graphs)
        if any(not 0 <= index < count for graph in graphs for each in graph.operators for index in each.graphs):
            raise ModelError("it is damaged: an operator runs a graph that is not there")
        return ModelFacts(int(self._model.Version()), graphs, self._signed(len(graphs[0].tensors)))

    def _range(self, length: int) -> Iterator[int]:
        """Positions in a list of tables, as long as all lists together stay within bounds."""
        self._tables += length
        if self._tables > _MAX_TABLES:
            raise ModelError(f"it may hold at most {_MAX_TABLES} tensors, operators and links, but holds more")
        return iter(range(length))

    def _signed(self, tensors: int) -> dict[str, dict[str, int]]:
        if self._model.SignatureDefsLength() != 1 or self._model.SignatureDefs(0).SubgraphIndex() != 0:
            return {}
        signature, signed = self._model.SignatureDefs(0), {}
        for kind in ("Inputs", "Outputs"):
            entries = [getattr(signature, kind)(at) for at in self._range(getattr(signature, f"{kind}Length")())]
            signed[kind.lower()] = {_text(each.Name()): int(each.TensorIndex()) for each in entries}
        if any(index >= tensors for each in signed.values() for index in each.values()):
            raise ModelError("it is damaged: its signature names a tensor that is not there")
        return signed

    def _graph(self, graph: Any) -> GraphFacts:
        tensors = tuple(self._tensor(graph.Tensors(at), at) for at in self._range(graph.TensorsLength()))
        operators = tuple(self._operator(graph.Operators(at)) for at in self._range(graph.OperatorsLength()))
        found = GraphFacts(tensors, operators, self._list(graph, "Inputs"), self._list(graph, "Outputs"))
        links = [*found.inputs, *found.outputs, *(at for each in operators for at in each.outputs)]
        optional = [at for each in operators for at in each.inputs if at != -1]
        if any(not 0 <= at < len(tensors) for at in (*links, *optional)):
            raise ModelError("it is damaged: an operator reads or writes a tensor that is not there")
        return found

    def _list(self, table: Any, name: str) -> tuple[int, ...]:
        """A list of numbers."""
        length = getattr(table, f"{name}Length")()
        self._range(length)
        return tuple(getattr(table, f"{name}AsNumpy")().tolist()) if length else ()

    def _tensor(self, tensor: Any, index: int) -> TensorFacts:
        name, code = _text(tensor.Name()), int(tensor.Type())
        if not 0 <= code < len(_TYPES):
            raise ModelError(f"tensor '{name}' has an element type that LiteRT does not define: {code}")
        shape, signature = self._list(tensor, "Shape"), self._list(tensor, "ShapeSignature")
        quantisation = tensor.Quantization()
        scales = self._list(quantisation, "Scale") if quantisation else ()
        facts = TensorFacts(
            index=index,
            name=name,
            dtype=_TYPES[code],
            shape=shape,
            dims=tuple(None if size < 0 else size for size in (signature if len(signature) == len(shape) else shape)),
            buffer=int(tensor.Buffer()),
            stored=self._stored_bytes(tensor, name) > 0,
            variable=bool(tensor.IsVariable()),
            ranked=bool(shape) or bool(tensor.HasRank()),
            scales=scales,
            zero_points=self._list(quantisation, "ZeroPoint") if quantisation else (),
        )
        self._check(facts, tensor)
        return facts

    def _check(self, facts: TensorFacts, tensor: Any) -> None:
        """A tensor must have a possible shape and hold as much as that promises."""
        if len(facts.shape) > _MAX_RANK or any(size < 0 for size in facts.shape) or facts.elements > _MAX_ELEMENTS:
            raise ModelError(f"tensor '{facts.name}' has an impossible shape: {list(facts.shape)[:_MAX_RANK]}")
        bits = BITS[facts.dtype]
        if facts.stored and bits is not None and tensor.Sparsity() is None:
            want, have = -(-facts.elements * bits // 8), self._stored_bytes(tensor, facts.name)
            if want != have:
                raise ModelError(
                    f"tensor '{facts.name}' of shape {list(facts.shape)} holds {have} bytes instead of {want}"
                )

    def _stored_bytes(self, tensor: Any, name: str) -> int:
        if tensor.ExternalBuffer():
            raise ModelError(f"tensor '{name}' keeps its data in another file; save the model as one file")
        at = int(tensor.Buffer())
        if at == 0:
            return 0
        if at >= self._model.BuffersLength():
            raise ModelError(f"it is damaged: tensor '{name}' names data that are not there")
        buffer = self._model.Buffers(at)
        if buffer.Offset() > 1:  # larger models keep their data behind the tables; 0 and 1 stand for none
            if buffer.Offset() + buffer.Size() > len(self._data):
                raise ModelError(f"it was cut short: the data of tensor '{name}' lie behind its end")
            return int(buffer.Size())
        length = int(buffer.DataLength())
        return len(buffer.DataAsNumpy()) if length else 0

    @cached_property
    def _codes(self) -> list[str]:
        names = {code: name for name, code in vars(self._schema.BuiltinOperator).items() if isinstance(code, int)}
        found = []
        for at in self._range(self._model.OperatorCodesLength()):
            each = self._model.OperatorCodes(at)
            code = max(int(each.BuiltinCode()), int(each.DeprecatedBuiltinCode()))
            if code not in names:
                raise ModelError(f"it has an operator that this LiteRT does not define: number {code}")
            found.append(f"custom.{_text(each.CustomCode())}" if names[code] == "CUSTOM" else names[code])
        return found

    def _operator(self, operator: Any) -> OperatorFacts:
        at = int(operator.OpcodeIndex())
        if at >= len(self._codes):
            raise ModelError("it is damaged: an operator is of a kind that is not listed")
        name = self._codes[at]
        graphs = tuple(
            int(getattr(options, field)())
            for kind, fields in _GRAPHS_OF.get(name, ())
            for options in self._options(operator, kind)
            for field in fields
        )
        turned = name == "BATCH_MATMUL" and any(
            options.AdjX() for options in self._options(operator, "BatchMatMulOptions")
        )
        return OperatorFacts(name, self._list(operator, "Inputs"), self._list(operator, "Outputs"), graphs, turned)

    def _options(self, operator: Any, kind: str) -> list[Any]:
        """The operator's options of a kind, none where it has others or none."""
        for suffix in ("", "2"):
            known = vars(getattr(self._schema, f"BuiltinOptions{suffix}"))
            table = getattr(operator, f"BuiltinOptions{suffix}")()
            if table is not None and known.get(kind) == getattr(operator, f"BuiltinOptions{suffix}Type")():
                options = getattr(self._schema, kind)()
                options.Init(table.Bytes, table.Pos)
                return [options]
        return []


def _text(name: bytes | None) -> str:
    try:
        return (name or b"").decode()
    except UnicodeDecodeError as error:
        raise ModelError("it is not a LiteRT model, or it is damaged: some of its names are not text") from error

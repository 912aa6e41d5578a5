"""The space holds exactly the candidates that knobs, conditions, models and limits allow."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.candidate import Candidate, Configuration
from autoedge.errors import SpaceError
from autoedge.space.columns import enumerate_columns
from autoedge.space.facts import Form, LeftOut, ModelFacts
from autoedge.space.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autoedge.candidate import Scalar
    from autoedge.device import Device
    from autoedge.space.declaration import KnobRule, SpaceFile

    Declare = Callable[..., SpaceFile]
    OnCores = Callable[..., Device]

PRECISIONS = ["fp32", "fp16", "int8"]


# -- a reference that enumerates by brute force --------------------------------------------------------------------


def _fits(condition: Any, level: Scalar) -> bool:
    return level in condition if isinstance(condition, list) else float(level) >= condition["min"]


def _offered(rule: KnobRule, facts: ModelFacts, limits: Mapping[str, Sequence[Scalar]], cores: Device) -> list[Scalar]:
    """The levels of a knob for one model."""
    model = facts.forms[0]
    refused = model.refused.get("onnxruntime", {})
    levels = list(limits.get(rule.name, rule.levels_on(cores)))
    if rule.name == "precision":
        known = rule.levels_on(cores)
        made = [v for v in levels if model.precision == "fp32" and v in known and v not in refused]
        as_given = "precision" not in limits or model.precision in levels
        return list(dict.fromkeys([level for level in made if level != model.precision] + [model.precision] * as_given))
    if rule.name in model.only:
        return list(model.only[rule.name])
    return levels


def _reference(
    file: SpaceFile, models: Sequence[ModelFacts], cores: Device, limits: Mapping[str, Sequence[Scalar]]
) -> set[Candidate]:
    found = set()
    for model in models:
        if model.name not in limits.get("model", [model.name]):
            continue
        choices = [_offered(rule, model, limits, cores) for rule in file.knobs]
        for levels in itertools.product(*choices):
            active: dict[str, Scalar] = {}
            for rule, level in zip(file.knobs, levels, strict=True):
                if all(name in active and _fits(condition, active[name]) for name, condition in rule.when.items()):
                    active[rule.name] = level
            recipe = {rule.name: active[rule.name] for rule in file.knobs if rule.recipe and rule.name in active}
            knobs = {rule.name: active[rule.name] for rule in file.knobs if not rule.recipe and rule.name in active}
            found.add(Candidate(Configuration(model.name, recipe, file.runtime, knobs), "local"))
    return found


# -- random declarations -------------------------------------------------------------------------------------------


@st.composite
def knob_bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Up to four knobs with conditions on those above them; precision and batch now and then among them."""
    names = draw(
        st.lists(st.sampled_from(["precision", "batch", "a", "b", "c", "d"]), min_size=1, max_size=4, unique=True)
    )
    bodies: dict[str, Any] = {}
    for name in names:
        counts = name == "batch" or (name != "precision" and draw(st.booleans()))
        if name == "precision":
            body: dict[str, Any] = {"levels": draw(st.permutations(PRECISIONS)), "part": "recipe"}
        elif counts and draw(st.booleans()):
            body = {"levels": {"from": draw(st.integers(1, 2)), "to": "cores"}, "ordered": True, "default": "cores"}
        elif counts:
            listed = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True))
            body = {"levels": listed, "ordered": True, "default": 1}
        else:
            body = {"levels": draw(st.permutations(["x", "y", "z"]))[: draw(st.integers(1, 3))], "default": "x"}
            if draw(st.booleans()):
                body["part"] = "recipe"
        when: dict[str, Any] = {}
        if name not in ("precision", "batch"):
            for above in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
                if above not in bodies:
                    continue
                if bodies[above].get("ordered") and draw(st.booleans()):
                    when[above] = {"min": draw(st.integers(1, 6))}
                else:
                    pool: list[Any] = PRECISIONS if above == "precision" else ["x", "y", 1, 2, 3]
                    when[above] = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=2, unique=True))
        bodies[name] = {**body, "when": when}
    return bodies


def _facts(
    name: str,
    precision: str = "fp32",
    fixed_batch: int | None = None,
    features: Mapping[str, float] | None = None,
    refused: Mapping[str, str] | None = None,
) -> ModelFacts:
    """A model in one form, for ONNX Runtime."""
    fixed = {} if fixed_batch is None else {"batch": (fixed_batch,)}
    return ModelFacts(name, (Form(".onnx", precision, fixed, {"onnxruntime": refused or {}}),), features or {})


@st.composite
def model_facts(draw: st.DrawFn) -> list[ModelFacts]:
    """One to three models, some of them of another precision, of a fixed batch, or refused."""
    return [
        _facts(
            name,
            draw(st.sampled_from(["fp32", "fp32", "fp16", "bf16"])),
            draw(st.none() | st.sampled_from([1, 3, 7])),
            {"log_macs": draw(st.floats(0, 9))} if draw(st.booleans()) else {},
            dict.fromkeys(draw(st.lists(st.sampled_from(["fp16", "int8"]), unique=True)), "it is so"),
        )
        for name in ("m1", "m2", "m3")[: draw(st.integers(1, 3))]
    ]


@settings(max_examples=100)
@given(data=st.data(), bodies=knob_bodies(), models=model_facts())
def test_the_space_is_what_brute_force_finds(
    declare: Declare, device: OnCores, data: st.DataObject, bodies: dict[str, Any], models: list[ModelFacts]
) -> None:
    """No candidate too many, none too few, none twice; and each row finds itself again."""
    cores = data.draw(st.integers(1, 6))
    file = declare(bodies)
    levels = {rule.name: list(rule.levels_on(device(cores))) for rule in file.knobs}
    levels["model"] = [model.name for model in models]
    if "precision" in levels:
        levels["precision"] += [model.forms[0].precision for model in models]
    limits = {
        name: tuple(data.draw(st.lists(st.sampled_from(known), min_size=1, unique=True)))
        for name, known in levels.items()
        if data.draw(st.integers(0, 3)) == 0
    }
    wanted = _reference(file, models, device(cores), limits)
    if not wanted:
        with pytest.raises(SpaceError, match="no candidate is left"):
            Space([file], models, {"local": device(cores)}, limits)
        return
    space = Space([file], models, {"local": device(cores)}, limits)
    found = [space.candidate(row) for row in range(len(space))]
    assert len(found) == len(set(found))
    assert set(found) == wanted
    assert [space.row(candidate) for candidate in found] == list(range(len(space)))
    assert space.codes.dtype == np.int32
    assert all((space.codes[:, i] < len(knob.levels)).all() for i, knob in enumerate(space.knobs.values()))
    for model in models:
        default = space.default(model.name, "local")
        assert space.row(default) is None or default in wanted
        assert (default in wanted) == (space.row(default) is not None)


# -- the shipped space ---------------------------------------------------------------------------------------------


def _small(name: str = "m", **changes: Any) -> ModelFacts:
    return _facts(name, **changes)


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 6, 8])
def test_the_shipped_space_counts_up(shipped: SpaceFile, device: OnCores, cores: int) -> None:
    """5 plain precisions and 6 static ones, 5 batches, 4 graph levels, 2 arenas; 4 ways to run several threads."""
    space = Space([shipped], [_small()], {"local": device(cores)}, {})
    several = len(space.knobs["threads"].levels) - 1
    assert space.knobs["threads"].levels[-1] == cores
    assert len(space) == (5 + 6) * 5 * 4 * 2 * (1 + 4 * several)


def test_conditions_hold_in_the_shipped_space(shipped: SpaceFile, device: OnCores) -> None:
    """Calibration belongs to static int8, execution and spinning to several threads, and nothing else has them."""
    space = Space([shipped], [_small()], {"local": device(4)}, {})
    for row in range(0, len(space), 7):
        configuration = space.candidate(row).configuration
        static = configuration.recipe["precision"] == "int8-static"
        several = int(configuration.knobs["threads"]) > 1
        assert ("calibration" in configuration.recipe) == ("granularity" in configuration.recipe) == static
        assert ("execution" in configuration.knobs) == ("spinning" in configuration.knobs) == several


def test_a_limit_fixes_a_knob(shipped: SpaceFile, device: OnCores) -> None:
    """Only the levels that the intent allows are left, in every candidate; a level given twice counts once."""
    limits = {"batch": (4, 4, 1), "threads": (2,), "precision": ("fp16", "fp32"), "arena": ("off",)}
    space = Space([shipped], [_small()], {"local": device(2)}, limits)
    assert len(space) == 2 * 2 * 4 * 2 * 2
    assert space.knobs["batch"].levels == (1, 4)
    assert {space.candidate(row).configuration.knobs["threads"] for row in range(len(space))} == {2}


def test_a_count_may_go_beyond_the_list(shipped: SpaceFile, device: OnCores) -> None:
    """A batch of 32 is no level of the file but a batch all the same; threads end at the cores."""
    space = Space([shipped], [_small()], {"local": device(2)}, {"batch": (32, 1)})
    assert space.knobs["batch"].levels == (1, 32)
    with pytest.raises(SpaceError, match=r"search\.knobs\.threads: must be among 1, 2, but got 3"):
        Space([shipped], [_small()], {"local": device(2)}, {"threads": (3,)})


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"bath": (1,)}, "search.knobs: the space 'onnxruntime-cpu' has no knob 'bath'; nearest is 'batch'"),
        ({"thread": (1,)}, "has no knob 'thread'; nearest is 'threads'"),
        (
            {"precision": ("int4",)},
            "search.knobs.precision: must be among fp32, fp16, int8-dynamic, int8-static, int8-weight, ",
        ),
        ({"model": ("n",)}, "search.knobs.model: must be among m, but got n"),
        ({"batch": (0,)}, "search.knobs.batch: must be among"),
        ({"batch": (-1,)}, "search.knobs.batch: must be among"),
        ({"batch": (True,)}, "search.knobs.batch: must be among"),
        ({"batch": (1.0,)}, "search.knobs.batch: must be among"),
        ({"batch": ("1",)}, "search.knobs.batch: must be among"),
        ({"batch": ()}, "search.knobs.batch: must be among"),
        ({"threads": (True,)}, "search.knobs.threads: must be among"),
        ({"arena": (True,)}, "search.knobs.arena: must be among on, off, but got True"),
        ({"calibration": ("none",)}, "search.knobs.calibration: must be among"),
    ],
)
def test_a_wrong_limit_is_told(shipped: SpaceFile, device: OnCores, limits: dict[str, Any], said: str) -> None:
    """A limit that names no knob or no level says what there is."""
    with pytest.raises(SpaceError) as caught:
        Space([shipped], [_small()], {"local": device(2)}, limits)
    assert said in str(caught.value)


def test_a_fixed_batch_is_the_only_one(shipped: SpaceFile, device: OnCores) -> None:
    """A model of fixed batch 3 runs with that, others do not gain it, and what is left out says why."""
    models = [_small("fixed", fixed_batch=3), _small("free")]
    space = Space([shipped], models, {"local": device(1)}, {"precision": ("fp32",)})
    batches: dict[str, set[Scalar]] = {"fixed": set(), "free": set()}
    for row in range(len(space)):
        configuration = space.candidate(row).configuration
        batches[configuration.model].add(configuration.knobs["batch"])
    assert batches == {"fixed": {3}, "free": {1, 2, 4, 8, 16}}
    assert LeftOut("fixed", "other batch", "its batch is fixed at 3") in space.left_out
    assert space.default("fixed", "local").configuration.batch == 3


def test_refused_precisions_are_listed(shipped: SpaceFile, device: OnCores) -> None:
    """What cannot be made of a model is left out with its reason; what the model is as given never is."""
    small = dict.fromkeys(("int8-weight", "int4-weight"), "it has no matrix")
    refused = {"int8-static": "it needs data.calibration", "fp16": "no such type", **small}
    half = dict.fromkeys(("fp16", "int8-dynamic", "int8-static", *small), "the model as given is fp16")
    models = [_small("m", refused=refused), _small("half", precision="fp16", refused=half)]
    space = Space([shipped], models, {"local": device(1)}, {})
    made = {(c.model, c.recipe["precision"]) for c in (space.candidate(row).configuration for row in range(len(space)))}
    assert made == {("m", "fp32"), ("m", "int8-dynamic"), ("half", "fp16")}
    assert {(left.model, left.what, left.reason) for left in space.left_out} == {
        ("m", "fp16", "no such type"),
        ("m", "int8-static", "it needs data.calibration"),
        ("half", "int8-dynamic", "the model as given is fp16"),
        ("half", "int8-static", "the model as given is fp16"),
        *(("m", precision, "it has no matrix") for precision in small),
        *(("half", precision, "the model as given is fp16") for precision in small),
    }


def test_a_precision_of_its_own_belongs_to_its_model(shipped: SpaceFile, device: OnCores) -> None:
    """A bf16 model runs as given, although the file lists no bf16, and lends that to no other model."""
    models = [_small("m"), _small("own", precision="bf16")]
    for limits in ({}, {"precision": ("bf16", "fp32")}):
        space = Space([shipped], models, {"local": device(1)}, {"batch": (1,), **limits})
        made = {(c.model, c.recipe["precision"]) for c in (space.candidate(r).configuration for r in range(len(space)))}
        assert {precision for model, precision in made if model == "own"} == {"bf16"}
        assert ("m", "fp32") in made
        assert ("m", "bf16") not in made


def test_a_model_that_a_limit_excludes_is_listed(shipped: SpaceFile, device: OnCores) -> None:
    """With precision limited to fp32, a bf16 model has no candidate; what is left out says so."""
    models = [_small("m"), _small("own", precision="bf16")]
    space = Space([shipped], models, {"local": device(1)}, {"precision": ("fp32",)})
    assert {space.candidate(row).configuration.model for row in range(len(space))} == {"m"}
    assert [left.model for left in space.left_out] == ["own"]
    with pytest.raises(SpaceError, match=r"no candidate is left: own: .*bf16.*; widen search\.knobs"):
        Space([shipped], models[1:], {"local": device(1)}, {"precision": ("fp32",)})


def test_the_baseline_stands_outside_the_limits(shipped: SpaceFile, device: OnCores) -> None:
    """The default candidate is the model as given, batch 1, the runtime's defaults, whatever the limits say."""
    limits: dict[str, tuple[Scalar, ...]] = {"precision": ("int8-dynamic",), "batch": (16,), "arena": ("off",)}
    space = Space([shipped], [_small()], {"pi": device(4, 2)}, limits)
    default = space.default("m", "pi")
    assert default.target == "pi"
    assert default.configuration.canonical == {
        "model": "m",
        "recipe": {"precision": "fp32"},
        "runtime": "onnxruntime",
        "knobs": {
            "arena": "on",
            "batch": 1,
            "execution": "sequential",
            "graph_level": "all",
            "spinning": "on",
            "threads": 2,
        },
    }
    assert space.row(default) is None
    whole = Space([shipped], [_small()], {"pi": device(4, 2)}, {})
    row = whole.row(default)
    assert row is not None
    assert whole.candidate(row) == default


def test_what_lies_outside_has_no_row(shipped: SpaceFile, device: OnCores) -> None:
    """Another target, runtime, model, level, an unknown knob, a missing one or one too many: all outside."""
    space = Space([shipped], [_small()], {"local": device(1)}, {})
    inside = space.candidate(11)
    configuration = inside.configuration
    knobs = dict(configuration.knobs)

    def changed(**changes: Any) -> Candidate:
        return Candidate(Configuration.from_canonical({**configuration.canonical, **changes}), "local")

    assert space.row(changed()) == 11
    outside = [
        Candidate(configuration, "pi"),
        changed(runtime="tflite"),
        changed(model="n"),
        changed(recipe={"precision": "int4"}),
        changed(knobs={**knobs, "batch": 3}),
        changed(knobs={**knobs, "batch": "1"}),
        changed(knobs={**knobs, "color": "red"}),
        changed(knobs={**knobs, "execution": "parallel"}),
        changed(knobs={name: level for name, level in knobs.items() if name != "arena"}),
        changed(knobs={name: level for name, level in knobs.items() if name != "batch"}),
        changed(recipe={}),
        changed(recipe={**knobs}, knobs=dict(configuration.recipe)),
    ]
    assert [space.row(candidate) for candidate in outside] == [None] * len(outside)


# -- features ------------------------------------------------------------------------------------------------------


def test_features_follow_their_model(shipped: SpaceFile, device: OnCores) -> None:
    """Each row has its model's numbers; what is not known of a model is the mean of the others, or 0."""
    models = [
        _small("a", features={"macs": 1.0, "size": 5.0}),
        _small("b", features={"macs": 3.0}),
        _small("c", features={"odd": float("nan")}),
    ]
    space = Space([shipped], models, {"local": device(1)}, {"precision": ("fp32",)})
    names, table = space.features()
    assert names == ("macs", "odd", "size")
    assert table.shape == (len(space), 3)
    assert {tuple(row) for row in table.tolist()} == {(1.0, 0.0, 5.0), (3.0, 0.0, 5.0), (2.0, 0.0, 5.0)}
    for row in range(0, len(space), 11):
        model = next(model for model in models if model.name == space.candidate(row).configuration.model)
        assert all(table[row, names.index(name)] == v for name, v in model.features.items() if v == v)  # noqa: PLR0124


def test_no_features_are_no_columns(shipped: SpaceFile, device: OnCores) -> None:
    """Models of which nothing is known give an empty table of the right length."""
    space = Space([shipped], [_small()], {"local": device(1)}, {})
    names, table = space.features()
    assert names == ()
    assert table.shape == (len(space), 0)


# -- size ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def million(declare: Declare, device: OnCores) -> Space:
    """Six knobs of ten levels: a million candidates."""
    bodies = {f"k{i}": {"levels": list(range(10)), "default": 0, "ordered": True} for i in range(6)}
    return Space([declare(bodies)], [_small()], {"local": device(1)}, {})


def test_a_million_candidates_are_columns(million: Space) -> None:
    """A million candidates take 4 bytes a knob each, and any row can be looked up both ways."""
    assert len(million) == 10**6
    assert million.codes.nbytes == 7 * 4 * 10**6
    assert len(np.unique(million.codes[:, 1:] @ 10 ** np.arange(6))) == 10**6
    for row in np.random.default_rng(0).integers(0, 10**6, 50):
        assert million.row(million.candidate(int(row))) == row


def test_a_space_too_large_is_refused_before_it_fills_memory(declare: Declare, device: OnCores) -> None:
    """Thirty knobs of ten levels are refused at once, saying what to do."""
    bodies = {f"k{i}": {"levels": list(range(10)), "default": 0} for i in range(30)}
    with pytest.raises(SpaceError, match=r"more than [\d,]+ candidates; fix or limit knobs with search\.knobs"):
        Space([declare(bodies)], [_small()], {"local": device(1)}, {})


def test_conditions_reach_through_knobs_that_do_not_apply(declare: Declare, device: OnCores) -> None:
    """A knob that hangs on another one applies only where that one applies, ordered or not."""
    bodies = {
        "a": {"levels": ["x", "y"], "default": "x"},
        "b": {"levels": [1, 2], "default": 1, "ordered": True, "when": {"a": ["y"]}},
        "c": {"levels": ["p", "q"], "default": "p", "when": {"b": [1]}},
    }
    space = Space([declare(bodies)], [_small()], {"local": device(1)}, {})
    found = {tuple(sorted(space.candidate(row).configuration.knobs.items())) for row in range(len(space))}
    assert found == {
        (("a", "x"),),
        (("a", "y"), ("b", 1), ("c", "p")),
        (("a", "y"), ("b", 1), ("c", "q")),
        (("a", "y"), ("b", 2)),
    }


def test_no_axis_is_no_candidate() -> None:
    """Enumerating nothing gives nothing."""
    assert enumerate_columns([], {}).shape == (0, 0)

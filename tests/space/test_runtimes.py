"""Several runtimes side by side: one space holds what each of them would hold alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import SpaceError
from autoedge.space.facts import Form, ModelFacts
from autoedge.space.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.candidate import Candidate
    from autoedge.device import Device
    from autoedge.space.declaration import SpaceFile

    Declare = Callable[..., SpaceFile]
    OnCores = Callable[..., Device]

BATCH = {"levels": [1, 4], "ordered": True, "default": 1}
RECIPE = {"part": "recipe"}


@pytest.fixture
def files(declare: Declare) -> list[SpaceFile]:
    """Two runtimes for ONNX files, one of which has a knob of its own, and a third for another format."""
    first = {
        "precision": {"levels": ["fp32", "fp16"], **RECIPE},
        "batch": BATCH,
        "level": {"levels": ["low", "high"], "default": "high"},
    }
    second = {
        "precision": {"levels": ["fp32", "int8-static"], **RECIPE},
        "preset": {"levels": ["fast", "mixed"], **RECIPE, "when": {"precision": ["int8-static"]}},
        "batch": BATCH,
        "streams": {"levels": [1, 2], "ordered": True, "default": 1},
    }
    third = {"precision": {"levels": ["fp64"], **RECIPE}, "batch": BATCH}
    return [
        declare(first, name="one", runtime="one"),
        declare(second, name="two", runtime="two"),
        declare(third, name="three", runtime="three", formats=[".skops"]),
    ]


@pytest.fixture
def having(device: OnCores) -> Callable[..., Device]:
    """A device that has the runtimes named."""
    return lambda *names: replace(device(2), runtimes=dict.fromkeys(names, "1.0"))


def _all(space: Space) -> set[Candidate]:
    return {space.candidate(row) for row in range(len(space))}


def test_the_space_is_the_union_of_each_runtimes_own(files: list[SpaceFile], having: Callable[..., Device]) -> None:
    """Nothing more, nothing less, nothing twice; each row finds itself, and says its runtime."""
    models = [
        ModelFacts("m"),
        ModelFacts("n", (Form(".onnx", "int8", {"batch": (4,)}),)),
        ModelFacts("o", (Form(".skops", "fp64"), Form())),
    ]
    devices = {"a": having("one", "two", "three"), "b": having("two")}
    space = Space(files, models, devices, {})
    wanted: set[Candidate] = set()
    for name, runtimes in {"a": "one two three", "b": "two"}.items():
        for file in files:
            readable = [model for model in models if any(form.suffix in file.formats for form in model.forms)]
            if file.runtime in runtimes.split():
                wanted |= _all(Space([file], readable, {name: devices[name]}, {}))
    assert len(space) == len(wanted)
    assert _all(space) == wanted
    assert [space.row(space.candidate(row)) for row in range(len(space))] == list(range(len(space)))
    assert [space.candidate(row).configuration.runtime for row in range(len(space))] == space.runtimes.tolist()
    lacking = {left.what: left.candidates for left in space.left_out if left.target == "b"}
    alone = {"a": devices["a"]}
    assert lacking == {
        "one": len(Space(files[:1], models, alone, {})),
        "three": len(Space(files[2:], models[2:], alone, {})),
    }


def test_limits_reach_every_runtime_that_knows_the_knob(files: list[SpaceFile], having: Callable[..., Device]) -> None:
    """A runtime without a level that is asked for falls away; one that lacks the knob altogether does not."""
    devices = {"a": having("one", "two")}
    lossy = Space(files[:2], [ModelFacts("m")], devices, {"precision": ("fp16",)})
    assert set(lossy.runtimes) == {"one"}
    streams = Space(files[:2], [ModelFacts("m")], devices, {"streams": (2,), "runtime": ("one", "two")})
    assert {c.configuration.knobs.get("streams") for c in _all(streams)} == {None, 2}
    only = Space(files[:2], [ModelFacts("m")], devices, {"runtime": ("two",)})
    assert "runtime" not in only.knobs
    assert "level" not in only.knobs
    with pytest.raises(SpaceError, match="must be among one, two, but got three"):
        Space(files[:2], [ModelFacts("m")], devices, {"runtime": ("three",)})


def test_a_default_prefers_the_model_as_given(files: list[SpaceFile], having: Callable[..., Device]) -> None:
    """The first form with a runtime on that very target counts; without any the message says what is missing."""
    models = [ModelFacts("o", (Form(".skops", "fp64"), Form()))]
    devices = {"a": having("one", "three"), "b": having("two")}
    space = Space(files, models, devices, {})
    assert space.default("o", "a").configuration.runtime == "three"
    assert space.default("o", "a").configuration.recipe == {"precision": "fp64"}
    assert space.default("o", "b").configuration.runtime == "two"
    assert space.default("o", "b").configuration.recipe == {"precision": "fp32"}
    with pytest.raises(SpaceError, match=r"not installed there: autoedge targets setup b --runtime one"):
        Space(files[:1], models, {"b": having("two")}, {})


def test_a_reason_that_all_runtimes_share_is_told_once(files: list[SpaceFile], having: Callable[..., Device]) -> None:
    """Each refusal names its runtime, unless every runtime that reads the model has it."""
    refused = {"one": {"fp16": "no weights"}, "two": {"int8-static": "no data"}}
    space = Space(files[:2], [ModelFacts("m", (Form(refused=refused),))], {"a": having("one", "two")}, {})
    assert [str(left) for left in space.left_out] == [
        "m: no fp16 for one (no weights)",
        "m: no int8-static for two (no data)",
    ]
    alone = Space(files[:1], [ModelFacts("m", (Form(refused=refused),))], {"a": having("one")}, {})
    assert [str(left) for left in alone.left_out] == ["m: no fp16 (no weights)"]


def test_what_a_machine_leaves_no_choice_is_no_knob(declare: Declare, having: Callable[..., Device]) -> None:
    """A probed knob exists where the target offers more than its default, with the levels that really work there."""
    bodies: dict[str, Any] = {
        "batch": BATCH,
        "provider": {"levels": ["cpu", "cuda", "qnn"], "default": "cpu", "probed": True},
        "half": {"levels": ["off", "on"], "default": "off", "when": {"provider": ["cuda"]}},
        "side": {"levels": ["x", "y"], "default": "x", "when": {"provider": ["cpu"]}},
    }
    file = declare(bodies, name="one", runtime="one")
    plain = having("one")
    offers = {"one": {"provider": {"cuda": "", "qnn": "no driver"}}}
    without = Space([file], [ModelFacts("m")], {"a": plain}, {})
    assert set(without.knobs) == {"model", "batch", "side"}
    space = Space([file], [ModelFacts("m")], {"a": replace(plain, offers=offers)}, {})
    assert space.knobs["provider"].levels == ("cpu", "cuda")
    assert len(space) == 2 * (2 + 2)
    assert [str(left) for left in space.left_out] == ["a: no provider qnn of one (no driver)"]
    with pytest.raises(SpaceError, match="must be among cpu, cuda, but got qnn"):
        Space([file], [ModelFacts("m")], {"a": replace(plain, offers=offers)}, {"provider": ("qnn",)})


def test_two_files_of_one_runtime_are_refused(files: list[SpaceFile], having: Callable[..., Device]) -> None:
    """One file a runtime, since a configuration does not say which file it came from; and names agree in kind."""
    with pytest.raises(SpaceError, match="one search space a runtime, but got one, again"):
        Space([files[0], replace(files[0], name="again")], [ModelFacts("m")], {"a": having("one")}, {})
    odd = replace(files[1].knobs[2], ordered=False)
    other = replace(files[1], knobs=(odd,))
    with pytest.raises(SpaceError, match="knob 'batch' is not the same in all search spaces"):
        Space([files[0], other], [ModelFacts("m")], {"a": having("one", "two")}, {})


def test_what_cannot_fit_is_screened_out_and_counted(files: list[SpaceFile], having: Callable[..., Device]) -> None:
    """Weights and activations beyond the memory need no measurement: half the bits may fit, four times the batch no."""
    small = replace(having("one"), memory_mib=100)
    form = Form(weights=20 * 2**20, activations=20 * 2**20)  # 80 MiB as fp32, 40 as fp16; 20 an item
    space = Space(files[:1], [ModelFacts("m", (form,))], {"a": small, "b": having("one")}, {})
    on_small = {(c.configuration.recipe["precision"], c.configuration.batch) for c in _all(space) if c.target == "a"}
    assert on_small == {("fp32", 1), ("fp16", 1)}
    (left,) = space.left_out
    assert (left.model, left.target, left.candidates) == ("m", "a", 4)
    assert "weights and activations alone take 120 MiB and more, but it has 100 MiB" in left.reason
    assert len(space) + left.candidates == 16


def test_a_runtime_that_cannot_run_a_model_is_left_out(files: list[SpaceFile], having: Callable[..., Device]) -> None:
    """All its candidates are counted as left out with the reason; the default is on a runtime that can."""
    form = Form(unreadable={"one": "it has no operator Tree"}, refused={"two": {"int8-static": "no data"}})
    devices = {"a": having("one", "two")}
    space = Space(files[:2], [ModelFacts("m", (form,))], devices, {})
    assert set(space.runtimes) == {"two"}
    told = {str(left): left.candidates for left in space.left_out}
    whole = {file.runtime: len(Space([file], [ModelFacts("m")], devices, {})) for file in files[:2]}
    assert told["m: no candidate for one (it has no operator Tree)"] == whole["one"]
    assert told["m: no int8-static for two (no data)"] == whole["two"] - len(space)
    assert space.default("m", "a").configuration.runtime == "two"

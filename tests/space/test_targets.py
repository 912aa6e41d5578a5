"""One space over several targets: each with its own levels, told apart by one more column."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoedge.candidate import Candidate
from autoedge.errors import SpaceError
from autoedge.search.pool import Grid
from autoedge.space.facts import Form, LeftOut, ModelFacts
from autoedge.space.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.device import Device
    from autoedge.space.declaration import SpaceFile

    OnCores = Callable[..., Device]

MODELS = [ModelFacts("m", features={"macs": 6.0}), ModelFacts("n", (Form(only={"batch": (3,)}),))]
FEW = {"batch": (1, 4), "graph_level": ("all",), "arena": ("on",), "precision": ("fp32", "fp16")}


@pytest.fixture
def several(shipped: SpaceFile, device: OnCores) -> Space:
    """Two models on a machine of one core and one of four."""
    return Space([shipped], MODELS, {"one": device(1), "four": device(4)}, FEW)


def test_it_is_the_spaces_of_its_targets(several: Space, shipped: SpaceFile, device: OnCores) -> None:
    """The candidates are those of each target alone, each once, and each row finds itself again."""
    found = [several.candidate(row) for row in range(len(several))]
    alone = {}
    for name, cores in (("one", 1), ("four", 4)):
        space = Space([shipped], MODELS, {name: device(cores)}, FEW)
        alone[name] = {space.candidate(row) for row in range(len(space))}
        assert {one for one in found if one.target == name} == alone[name]
        assert int(several.rows_on(name).sum()) == len(space)
        assert space.rows_on(name).all()
        assert not space.rows_on("other").any()
    assert len(found) == len(set(found)) == len(alone["one"]) + len(alone["four"])
    assert [several.row(candidate) for candidate in found] == list(range(len(several)))
    assert not several.rows_on("nowhere").any()


def test_targets_are_a_column_where_there_are_several(several: Space, shipped: SpaceFile, device: OnCores) -> None:
    """A space on one target has the columns that it always had; with several, the target stands beside the model."""
    one = Space([shipped], MODELS, {"one": device(1)}, FEW)
    assert list(several.knobs) == ["model", "target", *list(one.knobs)[1:]]
    assert several.knobs["target"].levels == several.targets == ("one", "four")
    assert several.knobs["threads"].levels == (1, 2, 4)
    assert len(Grid(several)) == len(several)


def test_every_target_has_its_own_levels(several: Space) -> None:
    """A machine of one core never gets two threads."""
    threads = {"one": set(), "four": set()}
    for row in range(len(several)):
        candidate = several.candidate(row)
        threads[candidate.target].add(candidate.configuration.knobs["threads"])
    assert threads == {"one": {1}, "four": {1, 2, 4}}


def test_the_default_is_that_of_its_target(several: Space) -> None:
    """The runtime's defaults follow the device; no target but its own has the candidate."""
    defaults = [several.default("m", name) for name in several.targets]
    assert [one.configuration.knobs["threads"] for one in defaults] == [1, 2]
    assert [one.target for one in defaults] == ["one", "four"]
    assert all(several.row(one) is not None for one in defaults)
    assert several.row(Candidate(defaults[1].configuration, "one")) is None
    assert several.row(Candidate(defaults[0].configuration, "elsewhere")) is None


def test_a_limit_that_one_target_cannot_keep(shipped: SpaceFile, device: OnCores) -> None:
    """A target without a level that the intent asks for is left out with the reason; others go on."""
    devices = {"one": device(1), "four": device(4)}
    space = Space([shipped], MODELS, devices, {**FEW, "threads": (4, 2)})
    assert {space.candidate(row).target for row in range(len(space))} == {"four"}
    assert LeftOut("", "threads 4, 2", "it has 1", "one") in space.left_out
    with pytest.raises(SpaceError, match=r"search\.knobs\.threads: must be among 1, 2, 4, but got 8"):
        Space([shipped], MODELS, devices, {"threads": (8,)})


def test_what_is_left_out_of_a_model_is_told_once(several: Space) -> None:
    """What follows from the model alone is not repeated for each target."""
    assert several.left_out == [LeftOut("n", "other batch", "its batch is fixed at 3")]
    assert str(LeftOut("m", "fp16", "no", "pi")) == "m on pi: no fp16 (no)"


def test_features_tell_devices_apart(shipped: SpaceFile, device: OnCores) -> None:
    """Beside the model's numbers each row has those of its device that are not the same everywhere."""
    arm = replace(device(4, 4), arch="aarch64", memory_mib=1024)
    space = Space([shipped], MODELS, {"pc": device(2, 2), "pi": arm}, FEW)
    names, table = space.features()
    assert names[0] == "macs"
    assert set(names[1:]) == {
        "device_log_cores",
        "device_log_physical_cores",
        "device_log_memory",
        "device_arch_x86_64",
    }
    cores = table[:, names.index("device_log_cores")]
    assert set(cores[space.rows_on("pc")]) == {1.0}
    assert set(cores[space.rows_on("pi")]) == {2.0}
    assert table.shape == (len(space), len(names))
    assert np.isfinite(table).all()


def test_equal_devices_have_nothing_to_tell(shipped: SpaceFile, device: OnCores) -> None:
    """Two devices of the same make add no feature."""
    space = Space([shipped], MODELS, {"a": device(2), "b": device(2)}, FEW)
    names, table = space.features()
    assert names == ("macs",)
    assert table.shape == (len(space), 1)

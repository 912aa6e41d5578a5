"""Equal configurations have equal ids, wherever and however they were put together."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from hypothesis import assume, given
from hypothesis import strategies as st

from autoedge.candidate import Candidate, Configuration

if TYPE_CHECKING:
    from autoedge.candidate import Scalar

NAMES = st.text("abcdefgh_", min_size=1, max_size=6)
SCALARS = st.text(max_size=8) | st.integers(-1000, 1000) | st.floats(allow_nan=False, allow_infinity=False)
KNOBS = st.dictionaries(NAMES, SCALARS, max_size=5)


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """Any configuration."""
    return Configuration(draw(NAMES), draw(KNOBS), draw(NAMES), draw(KNOBS))


def _reversed(values: dict[str, Scalar]) -> dict[str, Scalar]:
    return dict(reversed(values.items()))


@given(NAMES, KNOBS, NAMES, KNOBS)
def test_the_order_of_knobs_does_not_matter(
    model: str, recipe: dict[str, Scalar], runtime: str, knobs: dict[str, Scalar]
) -> None:
    """The same knobs in another order are the same configuration with the same id, hash and canonical form."""
    one = Configuration(model, recipe, runtime, knobs)
    other = Configuration(model, _reversed(recipe), runtime, _reversed(knobs))
    assert one == other
    assert one.config_id == other.config_id
    assert hash(one) == hash(other)
    assert json.dumps(one.canonical) == json.dumps(other.canonical)


@given(configurations())
def test_the_canonical_form_survives_json(configuration: Configuration) -> None:
    """What was stored as JSON is the same configuration again, with the same id."""
    again = Configuration.from_canonical(json.loads(json.dumps(configuration.canonical)))
    assert again == configuration
    assert again.config_id == configuration.config_id


@given(configurations(), configurations())
def test_other_configurations_have_other_ids(one: Configuration, other: Configuration) -> None:
    """Ids tell configurations apart."""
    assume(one.canonical != other.canonical)
    assert one.config_id != other.config_id


def test_each_part_counts() -> None:
    """Model, recipe, runtime and every knob are part of the id; so is the type of a value."""
    base = Configuration("m", {"precision": "fp32"}, "ort", {"batch": 1})
    others = [
        Configuration("n", {"precision": "fp32"}, "ort", {"batch": 1}),
        Configuration("m", {"precision": "fp16"}, "ort", {"batch": 1}),
        Configuration("m", {"precision": "fp32"}, "tflite", {"batch": 1}),
        Configuration("m", {"precision": "fp32"}, "ort", {"batch": 2}),
        Configuration("m", {"precision": "fp32"}, "ort", {"batch": "1"}),
        Configuration("m", {"precision": "fp32"}, "ort", {"batch": 1, "threads": 1}),
        Configuration("m", {"precision": "fp32", "batch": 1}, "ort", {}),
    ]
    assert len({each.config_id for each in [base, *others]}) == len(others) + 1


def test_ids_are_the_same_in_another_process() -> None:
    """An id is a hash of content: no process, release or hash seed changes it."""
    configuration = Configuration("m", {"precision": "int8-static", "calibration": "minmax"}, "ort", {"batch": 4})
    code = (
        "from autoedge.candidate import Configuration as C;"
        f"print(C.from_canonical({configuration.canonical!r}).config_id)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == configuration.config_id == "d66a059300"


def test_a_candidate_is_a_configuration_on_a_target() -> None:
    """The candidate's id is the configuration's with the target's name."""
    configuration = Configuration("m", {"precision": "fp32"}, "ort", {"batch": 8})
    here, there = Candidate(configuration, "local"), Candidate(configuration, "pi")
    assert here.candidate_id == f"{configuration.config_id}@local"
    assert here != there
    assert {here: 1, there: 2}[Candidate(configuration, "local")] == 1


def test_the_batch_is_one_unless_a_knob_says_otherwise() -> None:
    """A runtime without a batch knob runs single items."""
    assert Configuration("m", {}, "ort", {}).batch == 1
    assert Configuration("m", {}, "ort", {"batch": 16}).batch == 16


def test_people_read_the_precision_first() -> None:
    """As text: model, recipe with the precision first, runtime, knobs by name."""
    recipe = {"calibration": "minmax", "granularity": "channel", "precision": "int8-static"}
    candidate = Candidate(Configuration("m", recipe, "ort", {"threads": 2, "batch": 1}), "local")
    assert str(candidate) == "m int8-static/minmax/channel ort batch=1 threads=2 on local"

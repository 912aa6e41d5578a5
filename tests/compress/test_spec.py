"""Specs: what they mean, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autoedge.compress.spec import load_spec
from autoedge.errors import IntentError

if TYPE_CHECKING:
    from collections.abc import Callable

    Written = Callable[..., Path]

PRUNE = "{kind: prune, ratio: [0.3, 0.5], epochs: 1}"


def test_each_ratio_is_a_candidate(written: Written) -> None:
    """Every ratio, student and qat step becomes one candidate with a name and its defaults."""
    spec = load_spec(written(PRUNE, "{kind: distil, student: nets:small_net}", "{kind: qat, name: whole}"))
    names = ["tiny-prune-30", "tiny-prune-50", "tiny-distil-small-net", "tiny-whole"]
    assert [recipe.name for recipe in spec.recipes] == names
    assert [recipe.ratio for recipe in spec.recipes] == [0.3, 0.5, 0, 0]
    assert spec.recipes[2].alpha == 0.7
    assert spec.recipes[2].student == "nets:small_net"
    assert spec.inputs == {"image": ((None, 1), (None, 4), (None, 4))}
    assert spec.threads == 1


def test_a_free_dimension(written: Written) -> None:
    """A size may be free, with the size to try it with."""
    spec = load_spec(written(PRUNE, inputs="{tokens: [length=32, 8]}"))
    assert spec.inputs == {"tokens": (("length", 32), (None, 8))}


@pytest.mark.parametrize(
    ("steps", "changed", "said"),
    [
        ([PRUNE], {"model": "nets.py"}, "3 model: takes module:function, such as nets:small, but got nets.py"),
        ([PRUNE], {"model": "../nets:large"}, "3 model: takes module:function"),
        ([PRUNE], {"modle": "nets:large"}, "unknown key modle; did you mean model?"),
        ([PRUNE], {"data": "{train: no.npz}"}, "4 data.train: takes a file, but .*no.npz does not exist"),
        ([PRUNE], {"weights": "no.pt"}, "weights: takes a file"),
        ([PRUNE], {"task": "detection"}, "6 task: takes classification or regression, but got detection"),
        ([PRUNE], {"inputs": "{x: [batch=3]}"}, "takes a size, or NAME=SIZE"),
        ([PRUNE], {"inputs": "{x: [0]}"}, "takes a size of 1 to 1048576, but got 0"),
        ([PRUNE], {"version": "2"}, "1 version: takes 1, but got 2"),
        (["{kind: prune, ratio: [1.0]}"], {}, r"9 make\[0\].ratio\[0\]: takes a number below 1, but got 1"),
        (["{kind: prune}"], {}, r"make\[0\]: ratio is required"),
        (["{kind: shrink}"], {}, r"make\[0\]: takes kind: prune, distil, qat, but got shrink"),
        (["{kind: qat, epoch: 3}"], {}, r"make\[0\]: unknown key epoch; did you mean epochs\?"),
        ([PRUNE, PRUNE], {}, r"10 make\[1\]: a candidate is named once, but got tiny-prune-30 again"),
        (["{kind: distil, student: 'nets:Gr_x'}"], {"name": "a" * 60}, "the name of a candidate matches"),
        (["{kind: qat, rate: .inf}"], {}, "takes a finite number"),
        (["qat"], {}, "takes a mapping, but got qat"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    written: Written, steps: list[str], changed: dict[str, str], said: str
) -> None:
    """Each problem names line, place, rule and value."""
    with pytest.raises(IntentError, match=said):
        load_spec(written(*steps, **changed))


def test_all_problems_at_once(written: Written) -> None:
    """A spec with several problems tells them together."""
    with pytest.raises(IntentError) as caught:
        load_spec(written("{kind: qat, epochs: 0}", task="sorting", model="nets"))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("text", ["", "- a list", "version: 1\n\tname: x", "a: &b 1", "version: 1\nversion: 1\n"])
def test_no_spec_at_all(folder: Path, text: str) -> None:
    """What is no mapping in YAML is refused, and is not called an intent."""
    path = folder / "spec.yaml"
    path.write_text(text)
    with pytest.raises(IntentError) as caught:
        load_spec(path)
    assert "intent" not in str(caught.value)


def test_the_page_and_the_example(written: Written, folder: Path) -> None:
    """The spec that the page shows loads, with the defaults that its table tells; so does the example."""
    root = Path(__file__).parents[2]
    page = (root / "docs" / "compression.md").read_text(encoding="utf-8")
    (folder / "data").mkdir()
    for name in ("data/train.npz", "data/holdout.npz", "weights.pt"):
        (folder / name).touch()
    path = written()
    path.write_text(page.partition("```text\n")[2].partition("```")[0])
    spec = load_spec(path)
    assert [recipe.kind for recipe in spec.recipes] == ["prune"] * 3 + ["distil", "qat"]
    bare = load_spec(written("{kind: prune, ratio: [0.5]}", "{kind: distil, student: nets:small}", "{kind: qat}"))
    defaults = [(one.epochs, one.batch, one.rate, one.alpha, one.temperature) for one in bare.recipes]
    assert defaults == [(5, 32, 1e-3, 0, 4), (20, 32, 3e-3, 0.7, 4), (3, 32, 1e-4, 0, 4)]
    assert "5, 32, 0.001 (`distil` 20, 0.003; `qat` 3, 0.0001)" in page
    example = load_spec(root / "examples" / "digits" / "compress.yaml")
    assert {recipe.kind for recipe in example.recipes} == {"prune", "distil", "qat"}
    assert example.holdout != root / "examples" / "digits" / "data" / "eval.npz"

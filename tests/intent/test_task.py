"""What an intent says of its task."""

# ruff: noqa: E501 - a table reads best with one row a line

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autoedge.intent.load import load_intent
from autoedge.intent.resolved import TaskOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.intent.resolved import Intent

HEAD = "version: 1\nname: least\nmodels: [models/small.onnx]\n"
DATA = "data: {evaluation: data/eval.npz}\n"
BOXES = "data: {evaluation: data/eval.npz, annotations: data/boxes.json}\n"
NAMED = "outputs: {boxes: b, scores: s}\n"


@pytest.mark.parametrize(
    ("lines", "objective"),
    [
        (f"task: {{type: classification}}\n{DATA}", "accuracy"),
        (f"task: {{type: regression}}\n{DATA}", "mae"),
        (f"task: {{type: embedding}}\n{DATA}", "recall_at_1"),
        (f"task: {{type: detection}}\n{BOXES}{NAMED}", "map"),
        (f"task: {{type: custom, metric: installed}}\n{DATA}", "custom"),
        (f"task: {{type: custom, metric: installed, direction: minimize}}\n{DATA}", "custom_loss"),
    ],
)
def test_each_task_has_its_usual_objective(load: Callable[[str], Intent], lines: str, objective: str) -> None:
    """With evaluation data, the task's usual metric is an objective unless the intent names others."""
    names = [metric.name for metric in load(HEAD + lines).objectives]
    assert names == ["latency_p95", "memory_peak", objective]


def test_options_are_read(load: Callable[[str], Intent], folder: Path) -> None:
    """What a detection intent says of its outputs is kept, with defaults for the rest."""
    outputs = "outputs: {boxes: b, scores: s, classes: c, box_format: yxyx, box_units: relative}\n"
    intent = load(f"{HEAD}task: {{type: detection}}\n{BOXES}{outputs}")
    assert intent.scores == "s"
    assert intent.data.annotations == folder / "data/boxes.json"
    assert intent.task_options == TaskOptions(boxes="b", classes="c", box_format="yxyx", box_units="relative")
    assert load(f"{HEAD}task: {{type: classification, top_k: [1, 5]}}\n").task_options.top_k == (1, 5)
    assert load(f"{HEAD}task: {{type: regression}}\noutputs: {{values: v}}\n").scores == "v"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (f"task: {{type: regression}}\n{DATA}constraints: [accuracy >= 90 %]", "6 constraints[0]: accuracy is no metric of regression, which has mae, rmse, r2"),
        (f"task: {{type: classification}}\n{DATA}objectives: [mae]", "6 objectives[0]: mae is no metric of classification, which has accuracy, f1_macro, agreement, top3"),
        (f"task: {{type: custom, metric: own}}\n{DATA}constraints: [custom_loss <= 1]", "6 constraints[0]: custom_loss is no metric of custom, which has custom; task.direction says"),
        (f"task: {{type: regression}}\n{DATA}constraints: [mae <= 30 %]", "6 constraints[0]: mae takes a plain number, but got 30 %"),
        (f"task: {{type: regression}}\n{DATA}constraints: [mae drop <= 1 %]", "6 constraints[0]: mae drop is for fractions such as accuracy; write mae <= 110 % of baseline"),
        (f"task: {{type: detection}}\n{BOXES}{NAMED}constraints: [map drop <= 1 %]", "7 constraints[0]: map drop is for fractions such as accuracy; write map >= 95 % of baseline"),
        ("task: {type: regression, top_k: [5]}", "4 task.top_k: top_k is for classification, but the task is regression"),
        ("task: {type: classification, top_k: [7]}", "4 task.top_k[0]: takes 1, 3, 5 or 10, but got 7"),
        ("task: {type: classification, metric: own}", "4 task.metric: metric is for custom, but the task is classification"),
        ("task: {type: regression}\noutputs: {scores: s}", "5 outputs.scores: regression has values here, but got scores"),
        ("task: {type: classification}\ndata: {annotations: data/boxes.json}", "5 data.annotations: annotations are for detection"),
        (f"task: {{type: detection}}\n{BOXES}", "4 task: detection needs the names of two outputs; add outputs: {boxes: NAME"),
        (f"task: {{type: detection}}\n{DATA}{NAMED}", "5 data: detection needs the boxes to find; add annotations: FILE.json"),
        ("task: {type: custom}", "4 task: custom needs metric: module:function, or the name of an installed metric"),
        ("task: {type: custom, metric: 'own:f'}", "4 task.metric: own:f is foreign code; say trust: true, and --trust"),
        ("task: {type: custom, metric: 'a b'}", "4 task.metric: takes module:function or the name of an installed metric, but"),
        ("task: {type: custom, metric: own, direction: up}", "4 task.direction: takes maximize or minimize, but got up"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_task_is_told(problems: Callable[[str], list[str]], lines: str, expected: str) -> None:
    """Metrics, outputs and options of another task are one problem each, which names what this task has."""
    found = problems(f"{HEAD}{lines}\n")
    assert len(found) == 1
    assert found[0].startswith(f"intent.yaml:{expected}")


def test_numbers_have_no_unit(load: Callable[[str], Intent]) -> None:
    """Limits on plain numbers are plain numbers of any sign, and ratios work as for all else."""
    limits = "constraints: [mae <= 0.3, r2 >= -0.5, rmse <= 110 % of baseline]\n"
    intent = load(f"{HEAD}task: {{type: regression}}\n{DATA}{limits}")
    assert [one.limit for one in intent.constraints] == [0.3, -0.5, 1.1]
    assert [one.decide for one in intent.constraints] == ["value"] * 3


def test_foreign_code_takes_two_words(tmp_path: Path) -> None:
    """A metric's code counts as trusted only where the intent says trust and the command line names file or folder."""
    (tmp_path / "m.onnx").touch()
    (tmp_path / "own.py").write_text("raise SystemExit('nothing is imported while an intent is read')\n")
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "intent.yaml"
    text = "version: 1\nname: own\nmodels: [m.onnx]\ntask: {type: custom, metric: 'own:f'}\ntrust: true\n"
    path.write_text(text)
    assert load_intent(path).task_options.metric == f"{(tmp_path / 'own.py').resolve()}:f"
    assert not load_intent(path).trusted
    assert not load_intent(path, [tmp_path / "elsewhere"]).trusted
    for place in (tmp_path, path, tmp_path / "own.py"):
        assert load_intent(path, [place]).trusted
    path.write_text(text.replace("'own:f'", "own").replace("trust: true", "trust: false"))
    assert not load_intent(path, [tmp_path]).trusted

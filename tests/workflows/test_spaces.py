"""Which search spaces an intent has: shipped ones by name, files by path, those of plugins, and several at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autoedge.errors import SpaceError
from autoedge.intent.load import load_intent
from autoedge.workflows.known_spaces import GROUP, known_spaces
from autoedge.workflows.prepare import prepare
from autoedge.workflows.spaces import space_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Intent = Callable[..., Path]
    Plugin = Callable[..., Path]

SPACE = """\
version: 1
name: {name}
runtime: {runtime}
formats: [.onnx]
knobs:
  precision: {{part: recipe, levels: [fp32]}}
  batch: {{ordered: true, levels: [1], default: 1}}
"""


def _space(path: Path, runtime: str) -> Path:
    path.write_text(SPACE.format(name=path.stem, runtime=runtime))
    return path


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """Installs a distribution with the search spaces named, by runtime; importing its package fails."""

    def install(package: str, named: str = "", **spaces: str) -> Path:
        site = tmp_path / f"site-{package}"
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{package} = {named or package}\n")
        (site / package).mkdir()
        (site / package / "__init__.py").write_text("raise RuntimeError('nobody asked for it')\n")
        for name, runtime in spaces.items():
            _space(site / package / f"{name}.yaml", runtime)
        monkeypatch.syspath_prepend(str(site))
        return site / package

    return install


def _runtimes(intent: Path) -> list[str]:
    return [file.runtime for file in space_files(prepare(load_intent(intent)))]


def test_default_is_every_space_that_reads_a_model(write_intent: Intent) -> None:
    """Of the shipped spaces those stand in the default that read ONNX files, ONNX Runtime's first."""
    assert _runtimes(write_intent(search="{space: default}")) == ["onnxruntime", "openvino"]


def test_several_spaces_keep_their_order(place: Path, write_intent: Intent) -> None:
    """A list holds names and paths; the first is the preferred one."""
    _space(place / "own.yaml", "own")
    intent = write_intent(search="{space: [own.yaml, openvino, onnxruntime-cpu]}")
    assert _runtimes(intent) == ["own", "openvino", "onnxruntime"]


def test_a_file_beside_default_replaces_that_of_its_runtime(place: Path, write_intent: Intent) -> None:
    """With default, a file of one's own for a runtime counts instead of the shipped one."""
    _space(place / "own.yaml", "onnxruntime")
    files = space_files(prepare(load_intent(write_intent(search="{space: [default, own.yaml]}"))))
    assert [file.name for file in files] == ["openvino", "own"]


def test_two_of_one_runtime_are_refused(place: Path, write_intent: Intent) -> None:
    """Two spaces that the intent names itself are of two runtimes; the message names both."""
    _space(place / "own.yaml", "onnxruntime")
    prepared = prepare(load_intent(write_intent(search="{space: [onnxruntime-cpu, own.yaml]}")))
    with pytest.raises(SpaceError, match=r"'onnxruntime-cpu' and '.*own\.yaml' are both of onnxruntime"):
        space_files(prepared)


def test_an_unknown_name_is_told_with_those_there_are(write_intent: Intent, plugin: Plugin) -> None:
    """A name that stands for nothing is refused; plugins' names are among those that are listed."""
    plugin("extra", reference="reference")
    prepared = prepare(load_intent(write_intent(search="{space: [default, onnxruntim]}")))
    with pytest.raises(SpaceError, match=r"'onnxruntim' is neither a file nor one of default, .*onnxruntime-cpu.*ref"):
        space_files(prepared)


def test_plugins_join_the_default(write_intent: Intent, plugin: Plugin) -> None:
    """An installed plugin's space is found by its name and by default, after the shipped ones; nothing is imported."""
    plugin("extra", reference="reference")
    assert _runtimes(write_intent(search="{space: default}")) == ["onnxruntime", "openvino", "reference"]
    assert _runtimes(write_intent(search="{space: [reference, onnxruntime-cpu]}")) == ["reference", "onnxruntime"]


def test_one_name_is_one_file(plugin: Plugin) -> None:
    """A plugin cannot put its file in place of another one of the same name."""
    plugin("extra", openvino="other")
    with pytest.raises(SpaceError, match=r"one file, but .*openvino\.yaml and .*extra.*openvino\.yaml share it"):
        known_spaces()


@pytest.mark.parametrize("named", ["gone", "gone.deep", "extra:Thing"])
def test_a_plugin_without_its_package_is_named(plugin: Plugin, named: str) -> None:
    """An entry point that leads nowhere is told with the plugin's name and what to do."""
    plugin("extra", named)
    with pytest.raises(SpaceError, match=rf"the plugin 'extra' names the package {named} .*install the plugin again"):
        known_spaces()

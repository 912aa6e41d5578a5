"""The targets file, addresses, and what a name means."""

from __future__ import annotations

import sys
from pathlib import Path

import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autoedge
from autoedge.errors import IntentError, TargetError
from autoedge.registry import places
from autoedge.runtimes import own_process
from autoedge.targets.address import Address
from autoedge.targets.declared import DeclaredTarget, declared, open_target, read_targets, targets_file
from autoedge.targets.file import write_target
from autoedge.targets.local import LocalTarget
from autoedge.targets.ssh import SshTarget

FULL = """\
# What hangs on the wall.
version: 1
targets:
  pi4:                                  # kitchen
    address: ssh://pi@raspberrypi.local:2222
    python: .autoedge/env/bin/python
    folder: /mnt/ssd/autoedge
    wrap: [taskset, -c, 0]
    ssh: [-F, config]
    host: kitchen
    meter: {type: um25c, port: /dev/rfcomm0}
    idle_power: 2700 mW
    delegates:
      edgetpu: {library: libedgetpu.so.1, options: {device: usb, verbose: true}}
      short: /opt/odd.so
  alias: {address: shelf}
  local: {meter: none}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A targets file that uses every key."""
    path = tmp_path / "targets.yaml"
    path.write_text(FULL)
    return path


def test_every_key_is_read(file: Path) -> None:
    """A file with every key gives every field; what is left out has its default."""
    targets = read_targets(file)
    assert targets == {
        "pi4": DeclaredTarget(
            "pi4",
            "ssh://pi@raspberrypi.local:2222",
            python=".autoedge/env/bin/python",
            folder="/mnt/ssd/autoedge",
            wrap=("taskset", "-c", "0"),
            ssh=("-F", "config"),
            host="kitchen",
            meter={"type": "um25c", "port": "/dev/rfcomm0"},
            idle_power_w=2.7,
            delegates={
                "edgetpu": {"library": "libedgetpu.so.1", "options": {"device": "usb", "verbose": True}},
                "short": {"library": "/opt/odd.so", "options": {}},
            },
        ),
        "alias": DeclaredTarget("alias", "shelf"),
        "local": DeclaredTarget("local", meter={"type": "none"}),
    }


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Each problem of a file has its line, its place, the rule and the value."""
    path = tmp_path / "targets.yaml"
    path.write_text(
        "version: 2\ntargest: {}\ntargets:\n"
        "  a: {adress: ssh://x}\n"
        "  b: {address: ssh://-oProxyCommand=x, wrap: taskset}\n"
        "  c: {address: ssh://-o}\n"
        "  D: {address: ssh://x}\n"
        "  e: {idle_power: 3 s, python: 3}\n"
        "  f: {ssh: [-F, x]}\n"
        "  g: ssh://x\n"
        "  h: {meter: {port: x}}\n"
    )
    with pytest.raises(IntentError) as caught:
        read_targets(path)
    told = [problem.removeprefix(f"{path}:") for problem in caught.value.problems]
    assert told == [
        "1 version: this AutoEdge reads version 1 of the targets file, but got 2",
        "2: unknown key targest; did you mean targets?",
        "4 targets.a: unknown key adress; did you mean address?",
        "5 targets.b.wrap: takes a list of words such as [taskset, -c, 0], but got taskset",
        "6 targets.c: an address is ssh://user@host:port or a host of your ssh configuration, but got 'ssh://-o'",
        "7 targets.D: the name of a target matches [a-z0-9][a-z0-9._-]{0,63}, but got 'D'",
        "8 targets.e.idle_power: takes a power, but got 3 s",
        "8 targets.e.python: takes text, but got 3; put it in quotes",
        "9 targets.f: options for ssh belong to a target with an address, but this one has none",
        "10 targets.g: takes a mapping such as {address: ssh://user@host}, but got ssh://x",
        '11 targets.h.meter: takes a type, or a mapping with type such as {type: um25c}, but got {"port": "x"}',
    ]


@pytest.mark.parametrize(
    ("delegates", "rule"),
    [
        ("libedgetpu.so.1", "takes a mapping such as {edgetpu: {library: libedgetpu.so.1}}, but got libedgetpu.so.1"),
        ("{tpu: 3}", "delegate tpu takes library and options, but got 3"),
        ("{tpu: {options: {a: 1}}}", 'delegate tpu takes library and options, but got {"options": {"a": 1}}'),
        ("{tpu: {library: x, optoins: {}}}", "delegate tpu takes library and options, but got"),
        ("{tpu: {library: x, options: [usb]}}", 'options of delegate tpu are plain values, but got ["usb"]'),
        ("{tpu: {library: x, options: {a: [1]}}}", 'options of delegate tpu are plain values, but got {"a": [1]}'),
        (
            "{builtin: x}",
            "the name of a delegate matches [a-z0-9][a-z0-9._-]{0,63} and is not builtin, but got 'builtin'",
        ),
        ("{TPU: x}", "and is not builtin, but got 'TPU'"),
        ("{tpu: ''}", "a delegate has a library, but got"),
        ('{tpu: "a\\nb"}', "a delegate has a library, but got"),
    ],
)
def test_delegates_that_cannot_be_meant(tmp_path: Path, delegates: str, rule: str) -> None:
    """A delegate has a name of its own, a library, and plain options; all else is told with its line."""
    path = tmp_path / "targets.yaml"
    path.write_text(f"version: 1\ntargets:\n  pi:\n    address: ssh://pi\n    delegates: {delegates}\n")
    with pytest.raises(IntentError) as caught:
        read_targets(path)
    (problem,) = caught.value.problems
    assert f"{path}:" in problem
    assert "targets.pi" in problem
    assert rule in problem


ANCHORS = """\
version: 1
targets:
  pi4: &board
    address: ssh://pi@pi.lan
    meter: &meter {type: um25c, port: /dev/rfcomm0}  # borrowed
  pi4-one-core:
    <<: *board
    wrap: [taskset, -c, 0]
    meter: {<<: *meter, port: /dev/rfcomm1}
  pi4-lan: {<<: *board, address: ssh://pi@10.0.0.7}
"""


def test_variants_of_a_board_share_what_they_have_in_common(tmp_path: Path) -> None:
    """Anchors and merge keys are YAML's own: what is merged counts as written, and what is written comes first."""
    path = tmp_path / "targets.yaml"
    path.write_text(ANCHORS)
    meter = {"type": "um25c", "port": "/dev/rfcomm0"}
    assert read_targets(path) == {
        "pi4": DeclaredTarget("pi4", "ssh://pi@pi.lan", meter=meter),
        "pi4-one-core": DeclaredTarget(
            "pi4-one-core", "ssh://pi@pi.lan", wrap=("taskset", "-c", "0"), meter={**meter, "port": "/dev/rfcomm1"}
        ),
        "pi4-lan": DeclaredTarget("pi4-lan", "ssh://pi@10.0.0.7", meter=meter),
    }
    write_target(path, "pi4-lan", {"python": "env/bin/python", "address": "ssh://pi.lan"})
    written = "{<<: *board, address: ssh://pi.lan, python: env/bin/python}"
    assert path.read_text() == ANCHORS.replace("{<<: *board, address: ssh://pi@10.0.0.7}", written)
    write_target(path, "pi4-one-core", {"address": "ssh://other", "wrap": None, "meter": None})
    changed = read_targets(path)["pi4-one-core"]
    assert changed == DeclaredTarget("pi4-one-core", "ssh://other", meter=meter)  # its own is gone, not the board's


def test_mistakes_in_merged_keys_have_a_place(tmp_path: Path) -> None:
    """A mistake that came through a merge key is told where it was written, and at each mapping that took it over."""
    path = tmp_path / "targets.yaml"
    path.write_text(
        "version: 1\n"
        "targets:\n"
        "  p: &b {wrapp: [x], address: h}\n"
        "  a: {<<: *b, host: z}\n"
        "  q: &c\n"
        "    address: h\n"
        "    idle_power: 3 s\n"
        "  d:\n"
        "    # nothing of its own\n"
        "    <<: *c\n"
    )
    with pytest.raises(IntentError) as caught:
        read_targets(path)
    assert [problem.removeprefix(f"{path}:") for problem in caught.value.problems] == [
        "3 targets.p: unknown key wrapp; did you mean wrap?",
        "4 targets.a: unknown key wrapp; did you mean wrap?",
        "7 targets.q.idle_power: takes a power, but got 3 s",
        "10 targets.d.idle_power: takes a power, but got 3 s",
    ]


def test_merged_targets(tmp_path: Path) -> None:
    """Names of targets may be merged too, with their mistakes."""
    path = tmp_path / "targets.yaml"
    path.write_text("version: 1\ntargets:\n  <<: {a: {address: x}, b: 3}\n")
    with pytest.raises(IntentError, match=r"yaml:3 targets\.b: takes a mapping") as caught:
        read_targets(path)
    assert len(caught.value.problems) == 1


def test_a_host_that_has_a_host(tmp_path: Path) -> None:
    """Where ``host`` names a target with a host of its own, that one is meant; even in a circle it has an end."""
    path = tmp_path / "targets.yaml"
    path.write_text(
        "version: 1\ntargets:\n  a: {host: b}\n  b: {host: c}\n  c: {host: board}\n  d: {host: d}\n  e: {host: d}\n"
        "  f: {host: g}\n  g: {host: f}\n  h: {}\n"
    )
    hosts = {name: one.host for name, one in read_targets(path).items()}
    assert [hosts[name] for name in "abcdeh"] == ["board", "board", "board", "d", "d", None]
    assert hosts["f"] in ("f", "g")


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "this is no YAML"), ("3", "is a mapping of version"), ("", "is a")]
)
def test_no_targets_file_at_all(tmp_path: Path, text: str, said: str) -> None:
    """What is no targets file is told as that."""
    path = tmp_path / "targets.yaml"
    path.write_text(text)
    with pytest.raises(IntentError, match=said):
        read_targets(path)
    with pytest.raises(IntentError, match="cannot be read"):
        read_targets(tmp_path / "absent.yaml")


def test_writing_keeps_what_the_user_wrote(file: Path) -> None:
    """Adding a target or changing a field leaves comments, order and everything else as it is."""
    write_target(file, "pi4", {"python": "other/python", "meter": None})
    write_target(file, "new", {"address": "ssh://x", "wrap": ["prlimit", "--as=1"]})
    lines = file.read_text().splitlines()
    expected = FULL.replace(".autoedge/env/bin/python", "other/python").splitlines()
    expected = [line for line in expected if "um25c" not in line]
    assert lines == [*expected, "  new:", "    address: ssh://x", "    wrap: [prlimit, --as=1]"]


def test_a_file_that_would_be_wrong_is_left_alone(file: Path, tmp_path: Path) -> None:
    """Nothing is written when the result could not be read, and the message names the file."""
    with pytest.raises(IntentError, match=r"targets\.yaml:\d+ targets\.x: an address is"):
        write_target(file, "x", {"address": "ssh://-x"})
    assert file.read_text() == FULL
    assert [path.name for path in tmp_path.iterdir()] == ["targets.yaml"]


def test_the_first_target_makes_the_file(tmp_path: Path) -> None:
    """A missing file and its folder are made."""
    path = tmp_path / "deep" / "targets.yaml"
    write_target(path, "pi", {"address": "ssh://pi"})
    assert read_targets(path) == {"pi": DeclaredTarget("pi", "ssh://pi")}


def test_where_the_file_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment may name another file than the one of the user's configuration folder."""
    monkeypatch.delenv("AUTOEDGE_TARGETS", raising=False)
    assert targets_file().parts[-2:] == ("autoedge", "targets.yaml")
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(tmp_path / "x.yaml"))
    assert targets_file() == tmp_path / "x.yaml"


def test_what_a_name_means(file: Path) -> None:
    """Names of the file come first, then local, then addresses, which get a name of their own."""
    known = read_targets(file)
    assert declared("pi4", known) is known["pi4"]
    assert declared("local", known) is known["local"]
    assert declared("local", {}) == DeclaredTarget("local")
    assert declared("ssh://Pi@host:22", {}) == DeclaredTarget("pi-host-22", "ssh://Pi@host:22")
    with pytest.raises(IntentError, match="an address is"):
        declared("ssh://host:99999", known)


def test_an_unknown_name(file: Path) -> None:
    """What is near is told, or what there is, in whole sentences, with the file that was read and how to add to it."""
    how = "To declare it: autoedge targets add NAME ssh://user@host"
    with pytest.raises(IntentError) as caught:
        declared("pi5", read_targets(file), file)
    assert str(caught.value) == f"target pi5 is not declared in {file}; did you mean pi4? {how}"
    with pytest.raises(IntentError) as caught:
        declared("jetson", {}, file)
    assert str(caught.value) == f"target jetson is not declared in {file}; known are local. {how}"
    with pytest.raises(IntentError) as caught:
        declared("jetson", {})
    assert str(caught.value) == f"target jetson is not declared in the targets file; known are local. {how}"


def test_local_has_no_address(tmp_path: Path) -> None:
    """``local`` is this machine: another one cannot go by that name, however it is declared."""
    said = "local is this machine and has no address: give another one another name"
    path = tmp_path / "targets.yaml"
    path.write_text("version: 1\ntargets:\n  local: {address: ssh://pi}\n")
    with pytest.raises(IntentError, match=rf"yaml:3 targets\.local: {said}"):
        read_targets(path)
    with pytest.raises(IntentError, match=said):
        declared("ssh://local", {})
    path.unlink()
    with pytest.raises(IntentError, match=said):
        write_target(path, "local", {"address": "ssh://pi"})
    assert not path.exists()


def test_opening_gives_the_right_kind(tmp_path: Path) -> None:
    """Without an address it is this machine, else one over SSH."""
    folders = {"blobs": tmp_path / "blobs", "jobs": tmp_path / "jobs"}
    assert isinstance(open_target(DeclaredTarget("here"), {}, **folders), LocalTarget)
    assert isinstance(open_target(DeclaredTarget("there", "ssh://x"), {}, **folders), SshTarget)


@pytest.mark.parametrize("python", ["~/env/bin/python", "env/bin/python"])
@pytest.mark.parametrize("wrap", [(), ("~/bin/wrap", "-x"), ("bin/wrap", "-x")])
def test_paths_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, wrap: tuple[str, ...]
) -> None:
    """A local interpreter, or a command of ``wrap``, that is a path is one from the home folder, as over SSH."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, script in {
        "env/bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
        "bin/wrap": '#!/bin/sh\n[ "$1" = -x ] && shift && exec "$@"\n',
    }.items():
        program = tmp_path / "home" / name
        program.parent.mkdir(parents=True)
        program.write_text(script)
        program.chmod(0o755)
    one = DeclaredTarget("here", python=python, wrap=wrap)
    with open_target(one, {}, blobs=tmp_path / "blobs", jobs=tmp_path / "jobs") as target:
        assert target.device is not None


def test_another_interpreter_uses_its_own_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies beside AutoEdge, as in the site-packages of its own Python, is nothing that a device imports."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "autoedge").symlink_to(Path(autoedge.__file__).parent)
    for name in ("numpy", "psutil", "onnxruntime", "json"):
        (packages / f"{name}.py").write_text("raise SystemError('imported from another interpreter')\n")
    monkeypatch.setattr(own_process, "_ROOT", str(packages))
    one, known = DeclaredTarget("here", python=sys.executable), places("autoedge.runtimes")
    with open_target(one, known, blobs=tmp_path / "blobs", jobs=tmp_path / "jobs") as target:
        survey = target.survey()
    assert survey["kernels"]
    assert target.device.runtimes["onnxruntime"] == onnxruntime.__version__


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """Whichever program of a local target is missing, it is named, as over SSH."""
    folders = {"blobs": tmp_path / "blobs", "jobs": tmp_path / "jobs"}
    for one, said in [
        (DeclaredTarget("here", python="no/python", wrap=("nice",)), "the interpreter, no/python, is not there"),
        (DeclaredTarget("here", python="no-python"), "the interpreter, no-python, is not there"),
        (DeclaredTarget("here", wrap=("~/no/wrap",)), "the command of wrap, ~/no/wrap, is not there"),
    ]:
        with pytest.raises(TargetError, match=f"target 'here': {said}"), open_target(one, {}, **folders):
            pass


@given(st.text(max_size=40))
def test_no_word_of_an_address_is_an_option(text: str) -> None:
    """Whatever is read as an address, neither host nor user begins with a hyphen or holds a space."""
    try:
        address = Address.parse(text)
    except ValueError:
        return
    for word in (address.host, address.user or "user"):
        assert word
        assert not word.startswith("-")
        assert not any(character.isspace() for character in word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssh://host", Address("host")),
        ("ssh://pi@host:22/", Address("host", "pi", 22)),
        ("pi@10.0.0.2", Address("10.0.0.2", "pi")),
        ("ssh://[::1]:2200", Address("::1", None, 2200)),
        ("shelf", Address("shelf")),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    """An address may leave out the scheme, the user and the port."""
    assert Address.parse(text) == expected

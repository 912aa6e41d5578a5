"""Deploying over SSH: what serves is always whole, whoever signed it counts, and what does not run never serves."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from autoedge.bench.presets import protocol_for
from autoedge.candidate import Candidate, Configuration
from autoedge.deploy.bundle import BundleSpec, build_bundle
from autoedge.deploy.keys import make_key
from autoedge.deploy.read import read_bundle
from autoedge.deploy.signature import sign, signature_file
from autoedge.errors import BundleError
from autoedge.measurement import Phase, Result, Source, Value
from autoedge.models.info import Tensor
from autoedge.registry import places
from autoedge.targets.deployed import deployed_from
from autoedge.targets.local import LocalTarget
from autoedge.workflows.deploy import Consent, deploy, deployment, roll_back
from autoedge.workflows.events import StageBegan
from autoedge_cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.workflows.events import Event

KILLS = 30
UNSIGNED = Consent(unsigned=True)


@pytest.fixture
def bundle(linear: Path, tmp_path: Path) -> Callable[..., Path]:
    """Builds a bundle of a linear classifier; each factor makes another model."""
    with LocalTarget(places("autoedge.runtimes"), blobs=tmp_path / "blobs", jobs=tmp_path / "jobs") as target:
        device = target.device
    assert device is not None

    def build(name: str, factor: float = 1.0, *, batch: int | None = None, name_of_intent: str = "net") -> Path:
        model = onnx.load(linear)
        weights = np.frombuffer(model.graph.initializer[0].raw_data, np.float32) * np.float32(factor)
        model.graph.initializer[0].raw_data = weights.tobytes()
        if batch is not None:
            model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
        file = tmp_path / f"{name}.onnx"
        onnx.save(model, file)
        configuration = Configuration("linear", {"precision": "fp32"}, "onnxruntime", {"batch": 1, "threads": 1})
        candidate = Candidate(configuration, "device")
        latency = Value(1.0, 0.9, 1.1, Source.MEASURED, "recorded", 6)
        spec = BundleSpec(
            candidate=candidate,
            model_file=file,
            suffix=".onnx",
            model_hash=hashlib.sha256(file.read_bytes()).hexdigest(),
            inputs=(Tensor("x", "float32", ("n", 4)),),
            outputs=(Tensor("scores", "float32", ("n", 3)),),
            scores="scores",
            device=device,
            result=Result(candidate.candidate_id, Phase.CONFIRM, 6, {"latency_p50_ms": latency}, ()),
            protocol=protocol_for("quick", {}, [], {}),
            runtime_version=device.runtimes["onnxruntime"],
            verdict={"outcome": "met", "decisions": []},
            intent=f"version: 1\nname: {name_of_intent}\n",
            tools={"autoedge": "0.1.0"},
            data_hash="",
        )
        build_bundle(spec, tmp_path / name)
        return tmp_path / name

    return build


@pytest.fixture
def device(loopback: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Where to deploy: a device over SSH with a folder of its own."""
    monkeypatch.setenv("AUTOEDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUTOEDGE_TRUSTED", str(tmp_path / "trusted"))
    one = loopback.declared()
    form = {"address": "ssh://device", "python": one.python, "folder": str(tmp_path / "device"), "ssh": list(one.ssh)}
    (tmp_path / "targets.yaml").write_text(json.dumps({"version": 1, "targets": {"board": form}}))
    return {"target": "board", "targets": tmp_path / "targets.yaml"}  # type: ignore[return-value]


@pytest.fixture
def signed(tmp_path: Path) -> Callable[..., None]:
    """Signs bundles with a key that is trusted."""
    public = make_key(tmp_path / "release")
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "release.pub").write_bytes(public.read_bytes())

    def put(folder: Path, at: int = 1_700_000_000) -> None:
        from autoedge.deploy.keys import open_key

        text = sign(read_bundle(folder).sha256, open_key(tmp_path / "release"), at)
        signature_file(folder).write_text(text)

    return put


def serving(tmp_path: Path, name: str = "net") -> str:
    """The hash of the bundle that the link leads to; it is whole, or this raises."""
    current = tmp_path / "device" / "deployed" / name / "current"
    return read_bundle(current.resolve()).sha256


def sha256(folder: Path) -> str:
    """What a bundle goes by."""
    return read_bundle(folder).sha256


def test_versions_over_ssh(bundle: Callable[..., Path], device: dict[str, Any], tmp_path: Path) -> None:
    """One is deployed, another takes over, and the first comes back; each is told, and the folder serves by itself."""
    one, two = bundle("one"), bundle("two", 2.0)
    events: list[Event] = []
    found = deploy(one, consent=UNSIGNED, on_event=events.append, **device)
    assert (found.done, found.serves, found.state.current) == ("deployed", True, "a")
    assert any(isinstance(event, StageBegan) and "serves" in event.detail for event in events)
    assert serving(tmp_path) == sha256(one)
    assert deploy(one, consent=UNSIGNED, **device).done == "serves already"
    found = deploy(two, consent=UNSIGNED, **device)
    assert (found.state.current, serving(tmp_path)) == ("b", sha256(two))
    assert not deployment(one, **device).serves
    assert deployment(two, **device).serves
    back = roll_back(two, **device)
    assert (back.done, serving(tmp_path)) == ("rolled back", sha256(one))
    script = tmp_path / "device" / "deployed" / "net" / "current" / "run.py"
    data, answers = tmp_path / "in.npz", tmp_path / "out.npz"
    np.savez(data, x=np.eye(4, dtype=np.float32))
    command = [sys.executable, str(script), "--input", str(data), "--output", str(answers)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert np.load(answers)["scores"].shape == (4, 3)


def test_who_may_deploy(
    bundle: Callable[..., Path], device: dict[str, Any], signed: Callable[..., None], tmp_path: Path
) -> None:
    """Without consent a bundle is signed by a trusted key, and no older than what serves."""
    one, two = bundle("one"), bundle("two", 2.0)
    with pytest.raises(BundleError, match="is not signed"):
        deploy(one, **device)
    signed(one, at=1_700_000_100)
    found = deploy(one, **device)
    assert found.state.slots["a"].signed_at == 1_700_000_100
    signed(two, at=1_700_000_000)
    with pytest.raises(BundleError, match="signed 100 s before the one that serves; accept an older one"):
        deploy(two, **device)
    assert serving(tmp_path) == sha256(one)
    assert deploy(two, consent=Consent(downgrade=True), **device).serves
    (tmp_path / "trusted" / "release.pub").unlink()
    with pytest.raises(BundleError, match="trusted"):
        deploy(one, **device)
    with pytest.raises(BundleError, match="trusted"):  # a signature that does not hold is no missing one
        deploy(one, consent=UNSIGNED, **device)


def test_what_does_not_run_never_serves(bundle: Callable[..., Path], device: dict[str, Any], tmp_path: Path) -> None:
    """A model that fails on the device is told with its reason, and what served before serves on."""
    one = bundle("one")
    deploy(one, consent=UNSIGNED, **device)
    bad = bundle("bad", batch=7)
    with pytest.raises(BundleError, match="does not run on 'board', what served before serves on: "):
        deploy(bad, consent=UNSIGNED, **device)
    assert serving(tmp_path) == sha256(one)
    found = deployment(one, **device)
    assert found.serves
    for name in ("net", "other"):  # what never answered while it served is nothing to go back to
        with pytest.raises(BundleError, match=f"nothing whole to go back to under '{name}'"):
            roll_back(one, name=name, **device)


def test_what_fails_once_it_serves_is_rolled_back(
    bundle: Callable[..., Path], device: dict[str, Any], tmp_path: Path
) -> None:
    """A bundle that is damaged just when it takes over gives way to the one before, by itself."""
    one, two = bundle("one"), bundle("two", 2.0)
    deploy(one, consent=UNSIGNED, **device)

    def damage(event: Event) -> None:
        if isinstance(event, StageBegan) and "slot b serves" in event.detail:
            (tmp_path / "device" / "deployed" / "net" / "b" / "model.onnx").write_bytes(b"rotten")

    with pytest.raises(BundleError, match=r"failed once it served on 'board'.*what served before serves again"):
        deploy(two, consent=UNSIGNED, on_event=damage, **device)
    assert serving(tmp_path) == sha256(one)


def test_an_interrupt_once_it_serves_is_rolled_back(
    bundle: Callable[..., Path], device: dict[str, Any], tmp_path: Path
) -> None:
    """Ctrl-C between the switch and the proof leaves what served before; signed since, a bundle keeps its time."""
    one, two = bundle("one"), bundle("two", 2.0)
    deploy(one, consent=UNSIGNED, **device)

    def interrupt(event: Event) -> None:
        if isinstance(event, StageBegan) and "slot b serves" in event.detail:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(two, consent=UNSIGNED, on_event=interrupt, **device)
    assert serving(tmp_path) == sha256(one)


def test_signed_since(
    bundle: Callable[..., Path], device: dict[str, Any], signed: Callable[..., None], tmp_path: Path
) -> None:
    """What was first deployed unsigned and signed later is no way back to what is older than its signature."""
    one, two = bundle("one"), bundle("two", 2.0)
    deploy(two, consent=UNSIGNED, **device)
    signed(two, at=1_700_000_100)
    found = deploy(two, **device)
    assert found.done == "serves already"
    assert found.state.serving is not None
    assert found.state.serving.signed_at == 1_700_000_100
    signed(one, at=1_700_000_000)
    with pytest.raises(BundleError, match="signed 100 s before"):
        deploy(one, **device)
    assert serving(tmp_path) == sha256(two)


def test_killed_at_any_moment(bundle: Callable[..., Path], device: dict[str, Any], tmp_path: Path) -> None:
    """Host and device killed at thirty random moments of a deployment: the old or the new bundle serves, whole."""
    one, two = bundle("one"), bundle("two", 2.0)
    deploy(one, consent=UNSIGNED, **device)
    deploy(two, consent=UNSIGNED, **device)
    both = {sha256(one), sha256(two)}
    generator = np.random.default_rng(7)
    started = time.monotonic()
    assert _deploying(one, device).wait() == 0
    whole_s = time.monotonic() - started  # of one deployment, on this machine as busy as it is
    seen: list[str] = []
    while len(seen) < KILLS or len(set(seen)) == 1:  # some come in time
        new = one if serving(tmp_path) == sha256(two) else two
        process = _deploying(new, device)
        time.sleep(whole_s * (0.2 + 1.2 * (len(seen) + generator.uniform()) / KILLS))
        _kill_everything(process, tmp_path)
        seen.append(serving(tmp_path))
        assert seen[-1] in both
    assert deploy(one, consent=UNSIGNED, **device).serves
    assert deploy(two, consent=UNSIGNED, **device).serves


def _deploying(new: Path, device: dict[str, Any]) -> subprocess.Popen[bytes]:
    """The command in a session of its own."""
    command = [sys.executable, "-m", "autoedge_cli.main", "bundle", "deploy", str(new), "--target", device["target"]]
    command += ["--targets", str(device["targets"]), "--allow-unsigned"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _kill_everything(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Kill the command, and on the device whatever works in its folder, as when the power goes."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    mark = f"{folder / 'device'}".encode()
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry.name}/cmdline", "rb") as file:  # noqa: PTH123 - bytes of a process
                words = file.read()
        except OSError:
            continue
        if mark in words:
            os.kill(int(entry.name), signal.SIGKILL)


def test_the_command(
    bundle: Callable[..., Path], device: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The command deploys, tells what serves, and goes back; its exit codes say whether the bundle serves."""
    one, two = str(bundle("one")), str(bundle("two", 2.0))
    more = ["--target", "board", "--targets", str(device["targets"])]
    assert run(["bundle", "deploy", one, *more]) == 2
    assert "--allow-unsigned" in capsys.readouterr().err
    assert run(["bundle", "deploy", one, *more, "--status"]) == 1
    assert "nothing is deployed there" in capsys.readouterr().out
    assert run(["bundle", "deploy", one, *more, "--allow-unsigned"]) == 0
    assert run(["bundle", "deploy", two, *more, "--allow-unsigned", "--json", str(tmp_path / "d.json")]) == 0
    assert json.loads((tmp_path / "d.json").read_text())["serves"]
    capsys.readouterr()
    assert run(["bundle", "deploy", one, *more, "--status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["current"] == "b"
    assert run(["bundle", "deploy", two, *more, "--rollback"]) == 0
    assert "rolled back" in capsys.readouterr().out
    assert run(["bundle", "deploy", one, *more, "--status"]) == 0


def test_this_machine(bundle: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is a device too; the deployment has the name that was given."""
    monkeypatch.setenv("AUTOEDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUTOEDGE_DEPLOYED", str(tmp_path / "deployed"))
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(tmp_path / "none.yaml"))
    one = bundle("one")
    assert deploy(one, target="local", name="camera", consent=UNSIGNED).serves
    assert (tmp_path / "deployed" / "camera" / "current" / "run.py").is_file()
    with pytest.raises(BundleError, match="give one with --name"):
        deploy(one, target="local", name="../x", consent=UNSIGNED)
    with pytest.raises(BundleError, match="give one with --name"):
        deploy(bundle("nameless", name_of_intent="'?'"), target="local", consent=UNSIGNED)


@pytest.mark.parametrize(
    "change",
    [
        {"current": "c"},
        {"folder": 3},
        {"slots": {"a": {"bundle": "x", "whole": True, "said": {}}}},
        {"slots": {"a": {"bundle": "", "whole": 1, "said": {}}}},
        {"slots": {"a": {"bundle": "", "whole": True, "said": {"signed_at": "\x1b[31m"}}}},
        {"slots": {"a": {"bundle": "", "whole": True, "said": {"signed_at": -1}}}},
        {"slots": {"a": {"bundle": "", "whole": True, "said": {"key": "\x1b[31m"}}}},
    ],
)
def test_nonsense_of_a_device(change: dict[str, Any]) -> None:
    """What a device says is deployed is checked before anything is made of it."""
    sound = {"current": "a", "folder": "/x", "slots": {"a": {"bundle": "0" * 64, "whole": True, "said": {}}}}
    assert deployed_from(sound).current == "a"
    with pytest.raises(ValueError, match=r"slot|signed"):
        deployed_from({**sound, **change})
    assert replace(deployed_from(sound), current=None).serving is None

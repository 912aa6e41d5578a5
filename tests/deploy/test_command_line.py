"""The commands around bundles that travel: exit codes, what they print, and what they never do."""

from __future__ import annotations

import json
import random
import shutil
import stat
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.bench.presets import VERSION
from autoedge.deploy.bundle import build_bundle
from autoedge.deploy.keys import key_id, open_key
from autoedge.deploy.read import parse_bundle, read_bundle
from autoedge.errors import BundleError
from autoedge.measurement import Protocol
from autoedge_cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.deploy.bundle import BundleSpec

    Says = pytest.CaptureFixture[str]

PROTOCOL = {
    "warmup_calls": 1,
    "warmup_seconds": 0.01,
    "warmup_cap_seconds": 0.1,
    "block_calls": 1,
    "block_seconds": 0.01,
    "block_tolerance": 0.5,
    "latency_calls": 8,
    "latency_seconds": 0.01,
    "cap_seconds": 1.0,
}


@pytest.fixture
def v1(spec_of: Callable[..., BundleSpec], tmp_path: Path) -> Path:
    """A bundle that can be measured again in no time."""
    build_bundle(spec_of(protocol=Protocol("quick", VERSION, PROTOCOL)), tmp_path / "v1")
    return tmp_path / "v1"


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of trusted keys, which is not there yet."""
    monkeypatch.setenv("AUTOEDGE_TRUSTED", str(tmp_path / "trusted"))
    monkeypatch.delenv("AUTOEDGE_KEY_PASSPHRASE", raising=False)
    return tmp_path / "trusted"


def bundle(*words: object) -> int:
    """The exit code of ``autoedge bundle ...``."""
    return run(["bundle", *map(str, words)])


def test_there_and_back_again(v1: Path, tmp_path: Path, another: Callable[..., Path], capsys: Says) -> None:
    """Pack, unpack, pack against a base, unpack with it: the commands say what they wrote, and the bundles agree."""
    v2 = another(v1, tmp_path / "v2", {"README.md": b"newer"})
    assert bundle("pack", v1) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'v1.bundle.tar'}\n"
    assert bundle("pack", v2, "--base", tmp_path / "v1.bundle.tar") == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'v2.delta.tar'}\n"
    assert bundle("unpack", tmp_path / "v1.bundle.tar", "--out", tmp_path / "device") == 0
    assert bundle("unpack", tmp_path / "v2.delta.tar", "--base", tmp_path / "device", "--out", tmp_path / "next") == 0
    assert bundle("diff", v2, tmp_path / "next") == 0
    assert "the same bundle" in capsys.readouterr().out
    assert bundle("unpack", tmp_path / "v2.delta.tar", "--out", tmp_path / "more") == 2
    assert bundle("unpack", tmp_path / "v2.delta.tar", "--base", v2, "--out", tmp_path / "more") == 2
    assert not (tmp_path / "more").exists()


def test_a_difference_is_exit_code_1(v1: Path, tmp_path: Path, another: Callable[..., Path], capsys: Says) -> None:
    """Both sides of every part that differs, estimates marked; the JSON has the same parts."""
    record = json.loads((v1 / "bundle.json").read_text())
    result = json.loads(json.dumps(record["result"]))
    result["metrics"]["latency_p50_ms"] |= {"value": 3.0, "low": 2.9, "high": 3.1}
    runtime = {**record["runtime"], "version": "9.9.9"}
    v2 = another(v1, tmp_path / "v2", {"README.md": b"newer"}, result=result, runtime=runtime)
    assert bundle("diff", v1, v2, "--json", tmp_path / "diff.json") == 1
    shown = capsys.readouterr().out
    figures = ("1.50 ms [1.40, 1.60]", "3.00 ms [2.90, 3.10]", "2.0 x slower", "~8.00 mJ")
    for part in ("9.9.9", *figures, "README.md", "5 bytes"):
        assert part in shown, part
    assert "estimated, not measured" in shown
    assert bundle("diff", v1, v2, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "diff.json").read_text())
    assert document["configuration"][0]["what"] == "runtime version"
    assert bundle("diff", v1, tmp_path / "nothing") == 2


def test_hostile_texts_do_nothing_to_the_terminal(
    v1: Path, tmp_path: Path, another: Callable[..., Path], capsys: Says
) -> None:
    """Whatever a readable record says, its difference is printed harmlessly, as text and as JSON."""
    record = json.loads((v1 / "bundle.json").read_text())
    wild: tuple[Any, ...] = ("\x1b[2J[bold]", "\u202e", "a" * 3000, 1e308, -1e308, 5e-324, 0, True)
    parts = ("tools", "protocol", "intent", "device", "metric", "constraint", "shape")
    for number in range(80):
        rng, other = random.Random(number), json.loads(json.dumps(record))  # noqa: S311 - the same each time
        match rng.choice(parts):
            case "tools":
                other["tools"][str(rng.choice(wild))] = str(rng.choice(wild))
            case "protocol":
                other["protocol"]["parameters"][str(rng.choice(wild))] = rng.choice(wild)
            case "intent":
                other["intent"] = str(rng.choice(wild))
            case "device":
                other["target"]["device"]["cpu"] = str(rng.choice(wild))
            case "metric":
                figure = rng.choice(sorted(other["result"]["metrics"]))
                value = rng.choice((0.0, 5e-324, 1e308, -1e308, 1e-300))
                other["result"]["metrics"][figure] |= {"value": value, "low": -1.7e308, "high": 1.7e308}
            case "constraint":
                other["verdict"]["decisions"].append({"constraint": str(rng.choice(wild)), "outcome": "not met"})
            case "shape":
                other["inputs"][0]["shape"] = [rng.choice([None, "\x1b", 10**30])]
        v2 = another(v1, tmp_path / f"v{number + 2}")
        (v2 / "bundle.json").write_text(json.dumps(other))
        parse_bundle(v2, (v2 / "bundle.json").read_bytes())
        assert bundle("diff", v1, v2) == 1
        assert "\x1b" not in capsys.readouterr().out
        assert bundle("diff", v2, v1, "--json") == 1
        assert json.loads(capsys.readouterr().out)["same"] is False


def test_keys_and_signatures(v1: Path, tmp_path: Path, trusted: Path, capsys: Says) -> None:
    """Make a key, sign, verify: unsigned is told, an untrusted key refused, a trusted one named."""
    assert bundle("verify", v1, "--processes", 2) == 4
    assert "no signature: who made it is not known" in capsys.readouterr().out
    assert bundle("keygen", "--out", tmp_path / "release") == 0
    said = capsys.readouterr().out
    assert "without a passphrase" in said
    assert str(trusted) in said
    assert stat.S_IMODE((tmp_path / "release").stat().st_mode) == 0o600
    assert bundle("keygen", "--out", tmp_path / "release") == 2
    assert bundle("sign", v1, "--key", tmp_path / "release") == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'v1.sig'}\n"
    assert bundle("verify", v1, "--processes", 2) == 2
    assert f"to {trusted}" in capsys.readouterr().err
    trusted.mkdir()
    shutil.copy(tmp_path / "release.pub", trusted / "us.pub")
    assert bundle("pack", v1) == 0
    identity = key_id(open_key(tmp_path / "release").public_key())
    capsys.readouterr()
    for path in (v1, tmp_path / "v1.bundle.tar"):
        assert bundle("verify", path, "--processes", 2, "--json", tmp_path / "verified.json") == 4
        shown = capsys.readouterr().out
        assert shown.startswith(f"? {path.name}: undecided: ")
        assert f"signed by us (key {identity}) at 20" in shown
        signed = json.loads((tmp_path / "verified.json").read_text())["signed"]
        assert (signed["key_id"], signed["key_name"]) == (identity, "us")


def test_a_signature_that_does_not_hold_is_exit_code_2(
    v1: Path, tmp_path: Path, trusted: Path, another: Callable[..., Path], capsys: Says
) -> None:
    """That of another bundle, an altered one and a missing one that was named: nothing is measured."""
    bundle("keygen", "--out", tmp_path / "release")
    trusted.mkdir()
    shutil.copy(tmp_path / "release.pub", trusted)
    bundle("sign", v1, "--key", tmp_path / "release", "--out", tmp_path / "elsewhere.sig")
    v2 = another(v1, tmp_path / "v2", {"README.md": b"newer"})
    capsys.readouterr()
    assert bundle("verify", v2, "--signature", tmp_path / "elsewhere.sig") == 2
    assert "is of bundle" in capsys.readouterr().err
    assert bundle("verify", v1, "--signature", tmp_path / "none.sig") == 2
    (tmp_path / "v1.sig").write_text((tmp_path / "elsewhere.sig").read_text().replace("autoedge-bundle", "other"))
    assert bundle("verify", v1) == 2
    (tmp_path / "v1.sig").unlink()
    (tmp_path / "v1.sig").symlink_to(tmp_path / "elsewhere.sig")
    assert bundle("verify", v1) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_passphrase_never_stands_on_the_command_line(
    v1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Says
) -> None:
    """It comes from the variable, or from the terminal; without either an enciphered key is not opened."""
    monkeypatch.setenv("AUTOEDGE_KEY_PASSPHRASE", "open sesame")
    assert bundle("keygen", "--out", tmp_path / "locked") == 0
    assert "without a passphrase" not in capsys.readouterr().out
    assert bundle("sign", v1, "--key", tmp_path / "locked") == 0
    monkeypatch.delenv("AUTOEDGE_KEY_PASSPHRASE")
    assert bundle("sign", v1, "--key", tmp_path / "locked") == 2
    assert "set AUTOEDGE_KEY_PASSPHRASE" in capsys.readouterr().err


def test_caches_are_told_of(v1: Path, capsys: Says) -> None:
    """Compiled files that Python would prefer to the bundle's own are no part of it: the reader is warned."""
    (v1 / "bundle_parts" / "__pycache__").mkdir()
    assert bundle("verify", v1, "--processes", 2) == 4
    assert "bundle_parts/__pycache__ is no part of the bundle, and run.py would use it" in capsys.readouterr().out


def test_wrong_words_are_exit_code_2(v1: Path, tmp_path: Path, capsys: Says) -> None:
    """Folders where files belong, files where folders belong, and nothing at all: one message each."""
    (tmp_path / "file").write_text("x")
    for words in (
        ("pack", tmp_path / "none"),
        ("pack", tmp_path / "file"),
        ("pack", v1, "--out", v1 / "x.tar"),
        ("pack", v1, "--base", tmp_path / "none"),
        ("unpack", v1, "--out", tmp_path / "out"),
        ("unpack", tmp_path / "file", "--out", tmp_path / "out"),
        ("unpack", tmp_path / "none", "--out", tmp_path / "out"),
        ("sign", v1, "--key", tmp_path / "none"),
        ("sign", tmp_path / "file", "--key", tmp_path / "file"),
        ("verify", tmp_path / "none"),
        ("verify", tmp_path / "file"),
    ):
        assert bundle(*words) == 2, words
        assert "Traceback" not in capsys.readouterr().err
    read_bundle(v1)
    with pytest.raises(BundleError):
        read_bundle(tmp_path / "out")

"""Packs from anybody: mutated or made to do harm, each is refused or is exactly the pack of a sound bundle.

The cases come from seeds, so that each has a name and can be run again.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
import zipfile
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.deploy.archive import pack_bundle, unpack_archive
from autoedge.deploy.delta import apply_delta, pack_delta
from autoedge.deploy.read import read_bundle
from autoedge.deploy.tar import header
from autoedge.errors import BundleError
from autoedge_cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.deploy.read import Bundle

BLOCK = 512
Member = tuple[bytes, bytes]  # a header; content with what fills its last block


def members(raw: bytes) -> list[Member]:
    """The members of a sound pack."""
    found, at = [], 0
    while raw[at : at + BLOCK] != bytes(BLOCK):
        size = int(raw[at + 124 : at + 135], 8)
        end = at + BLOCK + size + -size % BLOCK
        found.append((raw[at : at + BLOCK], raw[at + BLOCK : end]))
        at = end
    return found


def joined(parts: list[Member]) -> bytes:
    """A pack of these members."""
    return b"".join(head + body for head, body in parts) + bytes(2 * BLOCK)


def member(name: str, content: bytes) -> Member:
    """A member as a sound pack has it."""
    return header(name, len(content)), content + bytes(-len(content) % BLOCK)


def summed(head: bytes) -> bytes:
    """A header whose sum is right, whatever else it says."""
    bare = head[:148] + b" " * 8 + head[156:]
    return bare[:148] + f"{sum(bare):06o}\0 ".encode() + bare[156:]


def put(head: bytes, at: int, what: bytes) -> bytes:
    """A header with other bytes in one place and the right sum."""
    return summed(head[:at] + what + head[at + len(what) :])


def foreign(rng: random.Random, raw: bytes, info: tarfile.TarInfo, data: bytes = b"", **other: Any) -> bytes:
    """The pack with one member more, as Python's tarfile writes it, somewhere in it."""
    info.size = len(data) if info.isreg() else 0
    form = other.get("form", rng.choice([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    try:
        head = info.tobuf(form, "utf-8", "surrogateescape")
    except ValueError:  # the form has no room for the name
        head = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    parts = members(raw)
    if other.get("instead"):
        parts[rng.randrange(1, len(parts))] = (head, data + bytes(-len(data) % BLOCK))
    else:
        parts.insert(rng.randint(0, len(parts)), (head, data + bytes(-len(data) % BLOCK)))
    return joined(parts)


def flipped(rng: random.Random, raw: bytes) -> bytes:
    """Some bits are other ones."""
    data = bytearray(raw)
    for _ in range(rng.choice([1, 1, 1, 5, 50])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def flipped_header(rng: random.Random, raw: bytes) -> bytes:
    """One byte of one header is another, and the sum is right again."""
    parts = members(raw)
    index = rng.randrange(len(parts))
    head = bytearray(parts[index][0])
    at = rng.randrange(BLOCK)
    head[at] = rng.choice([0, 0x20, 0x2E, 0x2F, 0x30, 0x31, 0x37, 0x80, 0xFF, head[at] ^ 1])
    parts[index] = (summed(bytes(head)), parts[index][1])
    return joined(parts)


def cut(rng: random.Random, raw: bytes) -> bytes:
    """It ends early, at any byte or between blocks."""
    at = rng.randrange(len(raw))
    return raw[: at - at % rng.choice([1, BLOCK])]


def shifted(rng: random.Random, raw: bytes) -> bytes:
    """Bytes are put in, taken out or repeated."""
    at, count = rng.randrange(len(raw)), rng.choice([1, 7, BLOCK, 2 * BLOCK])
    there = raw[at : at + count]
    return raw[:at] + rng.choice([bytes(count) + there, b"", there + there, rng.randbytes(count)]) + raw[at + count :]


def reordered(rng: random.Random, raw: bytes) -> bytes:
    """Members swap places, or contents, or come twice, or not at all."""
    parts = members(raw)
    one, other = sorted(rng.sample(range(len(parts)), 2))
    what = rng.randrange(4)
    if what == 0:
        parts[one], parts[other] = parts[other], parts[one]
    elif what == 1:
        parts[one], parts[other] = (parts[one][0], parts[other][1]), (parts[other][0], parts[one][1])
    elif what == 2:
        parts.insert(rng.randint(0, len(parts)), parts[one])
    else:
        del parts[one]
    return joined(parts)


def doubled(rng: random.Random, raw: bytes) -> bytes:
    """A member comes twice, the second time in other letters or with another content."""
    parts = members(raw)
    name = parts[rng.randrange(len(parts))][0][:100].rstrip(b"\0").decode()
    name = rng.choice([name, name.upper(), name.swapcase(), f"./{name}", name.replace("/", "//"), f"{name}/"])
    parts.insert(rng.randint(0, len(parts)), member(name, rng.randbytes(rng.randrange(40))))
    return joined(parts)


NAMES = (
    "/{root}/escaped", "{root}/escaped", "//{root}/escaped", "../escaped", "../../escaped", "../../../escaped",
    "bundle_parts/../../escaped", "bundle_parts/../../../escaped", "..", ".", "/", "", "./run.py", "bundle_parts//x.py",
    "a/b/c/d", "a/" * 40 + "x", "x" * 255, "y" * 4000, ".bashrc", "run.py ", "run.py.", "run\u200b.py", "r\u0443n.py",
    "\u202egpj.yp", "\uff0e\uff0e/\uff0e\uff0e/escaped", "\u2024\u2024/escaped", "..\\..\\escaped", "C:\\escaped",
    "C:escaped", "con", "nul.txt", "run.py\0.png", "a\nb", "a\x1b[2Jb", "\udcff\udcfe", "~/escaped", "$HOME/escaped",
    "bundle.json/x", "model.onnx/x", "-rf", "%2e%2e/escaped", "e\u0301.py", "__pycache__/run.cpython-311.pyc",
)  # fmt: skip


def named(rng: random.Random, raw: bytes, root: Path, at: int) -> bytes:
    """A plain file with a name that leads somewhere else, or seems to be another."""
    name = NAMES[at % len(NAMES)].replace("{root}", str(root))
    return foreign(rng, raw, tarfile.TarInfo(name), b"harm", instead=rng.random() < 0.3)


KINDS = (
    tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE,
    tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.AREGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, b"Z", b"\xff", b"V", b"D", b"M",
)  # fmt: skip


def special(rng: random.Random, raw: bytes, root: Path, at: int) -> bytes:
    """A link out of the folder, a device, a pipe, a sparse file, or a header of no known kind."""
    info = tarfile.TarInfo(rng.choice(["run.py", "model.onnx", "bundle_parts", "x"]))
    info.type = KINDS[at % len(KINDS)]
    info.linkname = rng.choice(["/etc/passwd", "../..", str(root), "run.py", "bundle.json", "x" * 300])
    info.devmajor, info.devminor = 1, 3
    return foreign(rng, raw, info, instead=rng.random() < 0.5, form=tarfile.GNU_FORMAT)


def swollen(rng: random.Random, raw: bytes) -> bytes:
    """A header claims more than there is, up to 8 EiB, or less than nothing."""
    parts = members(raw)
    index = rng.randrange(len(parts))
    sizes = (
        b"\x80" + b"\0" * 3 + (2**63 - 1).to_bytes(8, "big"), b"\x80" + b"\xff" * 11, b"\xff" * 12,
        b"\xff" + b"\0" * 11, b"77777777777\0", b"777777777777", b"40000000001\0", b"-0000000001\0", b"          1\0",
        b"0x00000fff \0", b"00000000000\0", b"\0" * 12, b" " * 12, b"99999999999\0", b"1_000_000_0\0",
    )  # fmt: skip
    parts[index] = (put(parts[index][0], 124, rng.choice(sizes)), parts[index][1])
    return joined(parts)


def extended(rng: random.Random, raw: bytes) -> bytes:
    """A pax header that is huge, wrong, sparse, or renames what follows."""
    records = (
        {"path": "../escaped"},
        {"path": "/etc/escaped"},
        {"linkpath": "/etc/passwd"},
        {"size": "9223372036854775807"},
        {"size": "-1"},
        {"size": "1e9"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9223372036854775807"},
        {"GNU.sparse.map": "0,1," * 10_000},
        {"comment": "x" * 2_000_000},
        {f"k{number}": "v" for number in range(5000)},
        {"hdrcharset": "BINARY", "path": "\udcff"},
        {"mtime": "nan"},
    )
    info = tarfile.TarInfo(rng.choice(["run.py", "model.onnx", "x"]))
    info.pax_headers = rng.choice(records)
    found = foreign(rng, raw, info, b"harm", form=tarfile.PAX_FORMAT, instead=rng.random() < 0.5)
    return found.replace(b" comment=", rng.choice([b" comment=", b"-comment=", b"999999999999999999999 c="]), 1)


def trailed(rng: random.Random, raw: bytes) -> bytes:
    """Something stands behind the end, or too little does."""
    more = (b"\0", bytes(BLOCK), bytes(10240), raw, b"x", rng.randbytes(3000))
    return rng.choice([raw[:-1], raw[:-BLOCK], raw[: -2 * BLOCK], *(raw + each for each in more)])


def other_file(rng: random.Random, raw: bytes) -> bytes:
    """It is no tar, or one inside something else."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("../escaped", b"harm")
        file.writestr("bundle.json", b"{}")
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    packed = (gzip.compress(raw), zipped.getvalue(), empty.getvalue(), joined([member("x.tar", raw)]))
    bare = (b"", b"\0", bytes(BLOCK), bytes(2 * BLOCK), bytes(100_000), b"{}", b"bundle.json" * 100)
    return rng.choice([*packed, *bare, rng.randbytes(5000)])


LIES: tuple[dict[str, Any], ...] = (
    {"schema_version": 2}, {"schema_version": 10**30}, {"schema_version": 0}, {"schema_version": True},
    {"schema_version": None}, {"files": {}}, {"files": []}, {"model": "model.pkl"}, {"model": "../model.onnx"},
    {"candidate_id": "x@y"}, {"intent": 3}, {"execute": "rm"}, {"result": None}, {"intent": "x" * 5_000_000},
    {"inputs": []}, {"tools": {"a\x1b[2J": "b"}}, {"data_hash": "../.."}, {"preprocessing": {"steps": {}}},
)  # fmt: skip


def lying(rng: random.Random, raw: bytes, root: Path, at: int) -> bytes:
    """The record says other things than the members: names that lead out, hashes that are wrong, unknown versions."""
    parts = members(raw)
    place = 1 if parts[0][0].startswith(b"delta.json") else 0
    record = content(parts[place])
    what = at % 4
    name = rng.choice(NAMES).replace("{root}", str(root)).encode("utf-8", "replace").decode()
    harm = hashlib.sha256(b"harm").hexdigest()
    if what == 0:
        record |= LIES[at // 4 % len(LIES)]
    elif what == 1:
        record["files"][name] = harm
        parts.append(member("x", b"harm"))
    elif what == 2:
        record["files"][rng.choice(sorted(record["files"]))] = rng.choice(["0" * 64, "A" * 64, "", 7])
    else:
        twin = rng.choice(["Run.py", "BUNDLE.json", "run.py/x", "bundle_parts", "Bundle_Parts/x", "__pycache__/x"])
        record["files"][twin] = harm
        parts[place + 1 :] = sorted([*parts[place + 1 :], member(f"blobs/{harm}" if place else twin, b"harm")])
    parts[place] = member("bundle.json", json.dumps(record).encode())
    if place:
        told = {**content(parts[0]), "bundle": hashlib.sha256(json.dumps(record).encode()).hexdigest()}
        parts[0] = member("delta.json", json.dumps(told, indent=2, sort_keys=True).encode() + b"\n")
    return joined(parts)


def content(part: Member) -> dict[str, Any]:
    """What the JSON file in a member says."""
    found: dict[str, Any] = json.loads(part[1][: int(part[0][124:135], 8)])
    return found


MADE: dict[str, tuple[Callable[..., bytes], int]] = {
    "bits": (flipped, 60),
    "header bytes": (flipped_header, 60),
    "cut": (cut, 30),
    "shifted": (shifted, 30),
    "reordered": (reordered, 24),
    "doubled": (doubled, 24),
    "named": (named, 2 * len(NAMES)),
    "special": (special, 2 * len(KINDS)),
    "swollen": (swollen, 30),
    "extended": (extended, 24),
    "trailed": (trailed, 18),
    "other file": (other_file, 24),
    "lying": (lying, 72),
}
PLACED = (named, special, lying)


def cases(kind: str, raw: bytes, root: Path) -> list[bytes]:
    """All cases of a kind."""
    make, count = MADE[kind]
    seeds = (random.Random(f"{kind} {number}") for number in range(count))  # noqa: S311 - to be the same each time
    return [make(seed, raw, root, number) if make in PLACED else make(seed, raw) for number, seed in enumerate(seeds)]


@pytest.fixture
def pack(built: Path, tmp_path: Path) -> bytes:
    """A sound bundle's archive."""
    pack_bundle(built, tmp_path / "sound.tar")
    return (tmp_path / "sound.tar").read_bytes()


@pytest.fixture
def delta(built: Path, tmp_path: Path, another: Callable[..., Path]) -> bytes:
    """A sound delta pack against the sound bundle."""
    files = {"README.md": b"other", "more/x.txt": b"new", "more/y.txt": b"newer", "model.onnx": b"no model"}
    new = another(built, tmp_path / "new", files)
    pack_delta(new, read_bundle(built), tmp_path / "sound.delta.tar")
    return (tmp_path / "sound.delta.tar").read_bytes()


def taken(unpack: Callable[[], Bundle]) -> Bundle | None:
    """The bundle, or None when it is refused with a message that does nothing to a terminal."""
    try:
        return unpack()
    except BundleError as error:
        message = str(error)
    assert all(line.isprintable() for line in message.splitlines())
    return None


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder below a folder, with mode and size."""
    stats = {str(path.relative_to(root)): path.lstat() for path in root.rglob("*")}
    return {name: (one.st_mode, one.st_size if not name.endswith("place") else 0) for name, one in stats.items()}


def test_there_are_many_cases(pack: bytes, tmp_path: Path) -> None:
    """At least 500 hostile archives, and nearly all of them are different ones."""
    made = [case for kind in MADE for case in cases(kind, pack, tmp_path)]
    assert len(made) >= 500
    assert len(set(made)) >= 450


@pytest.mark.parametrize("kind", MADE)
def test_a_hostile_archive_is_refused(pack: bytes, tmp_path: Path, kind: str) -> None:
    """No other error, nothing written outside, nothing left; what is taken is the one archive of its bundle."""
    sound = hashlib.sha256(members(pack)[0][1][: int(members(pack)[0][0][124:135], 8)]).hexdigest()
    root = tmp_path / "deep" / "place"
    root.mkdir(parents=True)
    for number, raw in enumerate(cases(kind, pack, tmp_path)):
        (tmp_path / "case.tar").write_bytes(raw)
        before = snapshot(tmp_path)
        bundle = taken(partial(unpack_archive, tmp_path / "case.tar", root / f"out{number}"))
        if bundle is None:
            assert snapshot(tmp_path) == before, number
            continue
        pack_bundle(root / f"out{number}", tmp_path / "again.tar")
        assert (tmp_path / "again.tar").read_bytes() == raw, number
        assert (raw == pack) == (bundle.sha256 == sound), number
        (tmp_path / "again.tar").unlink()


@pytest.mark.parametrize("kind", MADE)
def test_the_command_line_refuses_it_with_exit_code_2(
    pack: bytes, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every fourth case through the real command line: 2 and one message, or 0; never a traceback, never 70."""
    (tmp_path / "place").mkdir()
    codes = []
    for number, raw in enumerate(cases(kind, pack, tmp_path)[::4]):
        (tmp_path / "case.tar").write_bytes(raw)
        before = snapshot(tmp_path)
        out = tmp_path / "place" / f"out{number}"
        codes.append(run(["bundle", "unpack", str(tmp_path / "case.tar"), "--out", str(out)]))
        said = capsys.readouterr()
        assert (codes[-1], bool(said.err)) in ((2, True), (0, False)), number
        assert "Traceback" not in said.err + said.out
        if codes[-1] == 2:
            assert snapshot(tmp_path) == before, number
            assert run(["bundle", "verify", str(tmp_path / "case.tar")]) == 2
            assert run(["bundle", "diff", str(tmp_path / "case.tar"), str(tmp_path / "sound.tar")]) == 2
            assert all(line.startswith("autoedge: ") for line in capsys.readouterr().err.splitlines())
    assert 2 in codes


@pytest.mark.parametrize("kind", MADE)
def test_a_hostile_delta_is_refused(delta: bytes, built: Path, tmp_path: Path, kind: str) -> None:
    """The same for packs that need a base; what is taken was packed against this base and no other."""
    root = tmp_path / "deep" / "place"
    root.mkdir(parents=True)
    base = read_bundle(built)
    for number, raw in enumerate(cases(kind, delta, tmp_path)[::2]):
        (tmp_path / "case.tar").write_bytes(raw)
        before = snapshot(tmp_path)
        if taken(partial(apply_delta, tmp_path / "case.tar", base, root / f"out{number}")) is None:
            assert snapshot(tmp_path) == before, number
            continue
        pack_delta(root / f"out{number}", base, tmp_path / "again.tar")
        assert (tmp_path / "again.tar").read_bytes() == raw, number
        (tmp_path / "again.tar").unlink()


def test_the_reader_of_these_tests_reads_packs(pack: bytes) -> None:
    """The members that the cases are made of are those of the pack, in order."""
    assert joined(members(pack)) == pack
    names = [head[:100].rstrip(b"\0") for head, _ in members(pack)]
    assert names[0] == b"bundle.json"
    assert all(one < other for one, other in pairwise(names[1:]))

"""Intent files as a careless or hostile hand leaves them: each is read or refused, soon, and told in plain words.

The files come from seeds, so that each has a name and can be read again.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from autoedge.errors import IntentError
from autoedge.intent.load import load_intent
from autoedge_cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EACH = 50  # files of a kind
HARM = (
    "!!python/object/apply:os.system ['touch escaped']", "!!python/object:os.path {}", "!!binary aGFybQ==", "!x 1",
    "!!timestamp 2024-01-01", "!!set {a, b}", "!!omap []", "&a [*a]", "*unknown", "<<: *x", "!!float x", "! 1",
    "!<tag:yaml.org,2002:python/none> 1", "!!int a", "{? [a] : b}", "? a", "- - - - 1", "|\n  x", ">-\n  x", "'", '"',
    "[", "}", "%", "@", "`", "\\", "{a: 1, a: 2}", "[,]", "{,}", "null", "~", ".inf", "-.inf", ".nan", "9" * 5000,
    "0x" + "f" * 5000, "0o777777777", "1e999", "-1e999", "1_000", "0b1", "12:30:45", "2024-01-01", "yes", "on", "no",
    "1e-400", "00", "+.e1",
)  # fmt: skip
WORDS = (
    "", "0", "-1", "1.5", "true", "null", "[]", "{}", "''", "a", "..", "/", "~", "accuracy", "latency_p95 <= 1 ms",
    "latency_p95 <= 1e308 h", "accuracy >= 200 %", "accuracy drop <= -1 %", "energy <= 5 parsec", "[1, [2, [3]]]",
    "{x: {y: {z: 1}}}", "ssh://-oProxyCommand=x@host", "ssh://a@b@c", "local", "default", "models/small.onnx",
    "models", "data/eval.npz", "/dev/zero", "/proc/self/mem", "/dev/stdin", "knee", "allow", "1 week", "10**9 min",
    "99999999999999999999", "0.1e-9", "\U0001f600", "\u202e", "'\\0'", '"\\ud800"', '"\\U00110000"', "x" * 70_000,
)  # fmt: skip
CONTROLS = tuple(
    chr(code) for code in (*range(9), 11, 12, *range(14, 33), 127, 0x85, 0xA0, 0x2028, 0xFEFF, 0xFFFE, 0xE000)
)


def lines_of(text: str) -> list[str]:
    """The lines, ends included."""
    return text.splitlines(keepends=True)


def bytes_flipped(rng: random.Random, text: str) -> bytes:
    """One to twenty bytes are other ones."""
    data = bytearray(text.encode())
    for _ in range(rng.choice([1, 1, 2, 20])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def cut(rng: random.Random, text: str) -> bytes:
    """Ends early, begins late, or a stretch is missing or doubled."""
    data = text.encode()
    start, end = sorted(rng.choices(range(len(data) + 1), k=2))
    return rng.choice([data[:end], data[start:], data[:start] + data[end:], data[:end] + data[start:]])


def lines_moved(rng: random.Random, text: str) -> bytes:
    """Lines swap places, come twice, or are set further in or out; keys stand twice."""
    rows = lines_of(text)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(rows))
        what = rng.randrange(4)
        if what == 0:
            rows.insert(rng.randrange(len(rows)), rows.pop(at))
        elif what == 1:
            rows.insert(at, rows[at])
        elif what == 2:
            rows[at] = rng.choice([" ", "  ", "\t", "- ", "? "]) + rows[at]
        else:
            rows[at] = rows[at].lstrip()
    return "".join(rows).encode()


def values_swapped(rng: random.Random, text: str) -> bytes:
    """Two values of the file have changed places."""
    found = list(re.finditer(r"[A-Za-z0-9./_%<>=]+", text))
    one, other = sorted(rng.sample(found, 2), key=lambda match: match.start())
    middle = text[one.end() : other.start()]
    return (text[: one.start()] + other.group() + middle + one.group() + text[other.end() :]).encode()


def wrong_values(rng: random.Random, text: str) -> bytes:
    """Values of other kinds, units, sizes and places stand where the right ones stood."""
    for _ in range(rng.randint(1, 3)):
        match = rng.choice(list(re.finditer(r"(?<=[:\[,] )[^,\]}\n]+", text)))
        text = text[: match.start()] + rng.choice(WORDS) + text[match.end() :]
    return text.encode("utf-8", "surrogatepass")


def syntax(rng: random.Random, text: str) -> bytes:
    """Tags, anchors, merge keys and other things that YAML can do stand somewhere in it."""
    match = rng.choice(list(re.finditer(r"(?<=[:\[,] )[^,\]}\n]+|(?<=\n)", text)))
    return (text[: match.start()] + rng.choice(HARM) + rng.choice(["", "\n"]) + text[match.end() :]).encode()


def bombs(rng: random.Random, text: str) -> bytes:
    """Aliases that multiply, nesting without end, too many values, too long a line, too large a file."""
    aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    depth = rng.choice([19, 20, 21, 100, 10_000, 200_000])
    more = (
        aliases,
        "x: " + "[" * depth,
        "x: " + "[" * depth + "]" * depth,
        "x: " + "{a: " * depth + "}" * depth,
        "x: " + "- " * min(depth, 10_000) + "1",
        "".join(f"{' ' * level}k:\n" for level in range(min(depth, 900))),
        "x: [" + "1," * rng.choice([1000, 30_000]) + "]",
        "".join(f"k{n}: 1\n" for n in range(rng.choice([500, 25_000]))),
        "x: " + rng.choice(["a", "'", '"', "\\", "#", " ", "0"]) * rng.choice([60_000, 1_048_000, 1_100_000]),
        "x: &" + "a" * 100_000 + " 1",
        "? " * min(depth, 5000) + "x",
        "<<: " * min(depth, 5000) + "x",
        "x: !!" + "a" * 100_000 + " 1",
        "%TAG ! tag:x,2000:\n---\n" * 500,
        "--- 1\n" * 5000,
    )
    return (rng.choice([text, "", "version: 1\n"]) + rng.choice(more)).encode()


def characters(rng: random.Random, text: str) -> bytes:
    """Control characters, NULs, byte-order marks and lone surrogates stand somewhere in it."""
    for _ in range(rng.choice([1, 1, 5])):
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice([*CONTROLS, "\ud800", "\udfff", "\0" * 100]) + text[at:]
    return text.encode("utf-8", "surrogatepass")


def encodings(rng: random.Random, text: str) -> bytes:
    """Written in another encoding, with its mark or without, with other ends of lines, or in two encodings at once."""
    text = text.replace("doorbell", rng.choice(["doorbell", "t\xfcrklingel", "\u30c9\u30a2", "\U0001f514"]))
    if rng.random() < 0.3:
        text = text.replace("\n", rng.choice(["\r\n", "\r", "\u2028", "\x85", "\v"]))
    code = rng.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp037", "utf-7"])
    data = text.encode(code, "replace")
    if rng.random() < 0.2:
        data += text.encode(rng.choice(["utf-16", "utf-8", "cp1252"]), "replace")
    return data


def keys_changed(rng: random.Random, text: str) -> bytes:
    """Keys are misspelt, doubled, of another kind, or those of another part."""
    match = rng.choice(list(re.finditer(r"[a-z_]+(?=:)", text)))
    key = match.group()
    own = (key.upper(), key[:-1], key * 200, f"{key}: 1, x")
    others = ("", "version", "models", "path", "1", "true", "null", "[a]", "{a: b}", "'x y'", "!!str x", "\u0430", "*a")
    return (text[: match.start()] + rng.choice(own + others) + text[match.end() :]).encode()


KINDS: tuple[Callable[[random.Random, str], bytes], ...] = (
    bytes_flipped, cut, lines_moved, values_swapped, wrong_values, syntax, bombs, characters, encodings, keys_changed,
)  # fmt: skip


def files(make: Callable[[random.Random, str], bytes], text: str) -> list[bytes]:
    """All files of a kind."""
    return [make(random.Random(f"{make.__name__} {n}"), text) for n in range(EACH)]  # noqa: S311 - the same each time


def problems(path: Path, content: bytes) -> tuple[str, ...]:
    """What is wrong with an intent; nothing where it is read."""
    path.write_bytes(content)
    try:
        load_intent(path)
    except IntentError as error:
        return error.problems
    return ()


@pytest.mark.timeout(100)
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_mutated_file_is_read_or_refused(
    folder: Path, full: str, make: Callable[[random.Random, str], bytes]
) -> None:
    """Fifty files of a kind: an intent or an IntentError with placed, printable problems of bearable length."""
    path = folder / "mutated.yaml"
    refused = 0
    for number, content in enumerate(files(make, full)):
        found = problems(path, content)
        refused += bool(found)
        assert all(problem.startswith(f"{path}:") and problem.isprintable() for problem in found), number
        assert sum(map(len, found)) < 60_000, number
    assert refused > EACH / 4
    assert not [each for each in folder.iterdir() if "escaped" in each.name]


@pytest.fixture
def place(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands read a mutated intent, far from where they are started."""
    monkeypatch.chdir(tmp_path)
    return folder / "mutated.yaml"


@pytest.mark.timeout(200)
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_the_command_line_refuses_it_with_exit_code_2(
    place: Path,
    full: str,
    tmp_path: Path,
    make: Callable[[random.Random, str], bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A sample of those that are refused, through the real command line: one line a problem, nothing else, no run."""
    refused = [content for content in files(make, full) if problems(place, content)]
    for number, content in enumerate(refused[:: max(1, len(refused) // 5)]):
        place.write_bytes(content)
        assert run([("space", "select")[number % 2], "--intent", str(place)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err
        assert all(line.startswith("autoedge: ") for line in said.err.splitlines())
    assert not list(tmp_path.iterdir())


@pytest.mark.timeout(200)
def test_what_is_read_ends_no_worse(place: Path, full: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Mutated intents that can be meant go on to the models, which are empty files here: 2 and a message, never 70."""
    read = [content for make in KINDS for content in files(make, full) if not problems(place, content)]
    for content in read[:: max(1, len(read) // 5)]:
        place.write_bytes(content)
        assert run(["space", "--intent", str(place)]) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_file_that_they_come_from_is_sound(folder: Path, full: str) -> None:
    """Five hundred files come from one that is read, and nearly all of them are different ones."""
    assert not problems(folder / "sound.yaml", full.encode())
    made = [content for make in KINDS for content in files(make, full)]
    assert len(made) >= 500
    assert len(set(made)) >= 440
    assert YAML(typ="safe", pure=True).load(full)["name"] == "doorbell"

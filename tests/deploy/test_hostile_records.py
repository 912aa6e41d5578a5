"""Records from anybody: a ``bundle.json`` with any value changed is read as a sound one or refused."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from autoedge.deploy.read import Bundle, parse_bundle, read_bundle
from autoedge.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CASES = 400
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 10**18, -(10**18), 10**400, 0.5, 1e308, -1e308, "", "x", "1", "..", "/", "\0",
    "\x1b[2J", "\u202e", "a" * 5000, [], [1], ["x"], [[]], {}, {"x": 1}, {"": ""}, [None], "0" * 64, "A" * 64, "met",
    "measured", "float32", "\U0010ffff", "model.pkl", "classification", {"value": 1}, "99999999999999999999",
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from places(inner)


def changed(rng: random.Random, record: dict[str, Any]) -> bytes:
    """The record with one to three values replaced, removed, renamed or repeated, as JSON."""
    document = deepcopy(record)
    for _ in range(rng.choice([1, 1, 2, 3])):
        container, key = rng.choice(list(places(document)))
        what = rng.randrange(5)
        if what == 0:
            del container[key]
        elif what == 1 and isinstance(container, dict):
            container[rng.choice(["", "x", "\x1b", "schema_version", "files", "é", "a" * 300])] = container.pop(key)
        else:
            container[key] = rng.choice(VALUES)
        if not document:
            break
    text = json.dumps(document)
    if rng.random() < 0.2:
        text = text.replace(": 1", rng.choice([": NaN", ": Infinity", ": 01", ": 1e999", ': "\\ud800"', ": 1" * 2]), 1)
    if rng.random() < 0.1:
        text = text.replace("{", '{"schema_version": 1, ', 1)
    return text.encode("utf-8", "surrogatepass")


def test_any_record_is_read_or_refused(built: Path) -> None:
    """No other error than a BundleError, whose message does nothing to a terminal; most are refused."""
    record = json.loads((built / "bundle.json").read_text())
    refused = 0
    for seed in range(CASES):
        data = changed(random.Random(seed), record)  # noqa: S311 - the same each time
        found = parsed(built, data)
        refused += found is None
        if found is not None:
            assert found.candidate.configuration.batch >= 1
            assert str(found.candidate).strip()
            assert found.protocol.protocol_id
    assert CASES / 2 < refused < CASES


def parsed(folder: Path, data: bytes) -> Bundle | None:
    """The bundle, or None when it is refused."""
    try:
        return parse_bundle(folder, data)
    except BundleError as error:
        message = str(error)
    assert all(line.isprintable() for line in message.splitlines())
    return None


def test_a_record_that_lists_other_files_is_refused(built: Path) -> None:
    """What the record says of files is held against the folder, whatever else is right in it."""
    record = json.loads((built / "bundle.json").read_text())
    for seed in range(60):
        rng = random.Random(seed)  # noqa: S311 - the same each time
        files = dict(record["files"])
        place = rng.choice(sorted(files))
        digest = files.pop(place)
        if rng.random() < 0.6:
            files[rng.choice([place, place.upper(), f"{place}x", f"x/{place}", "bundle.json"])] = digest[::-1]
        (built / "bundle.json").write_text(json.dumps({**record, "files": files}))
        try:
            read_bundle(built)
        except BundleError:
            continue
        raise AssertionError(f"{seed}: {place} may be missing or altered")

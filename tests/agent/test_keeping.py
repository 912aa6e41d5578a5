"""What lies on the target: replies that wait, files that arrive, inputs that are held."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import numpy as np

from autoedge.agent.blobs import Blobs
from autoedge.agent.feed import Feed
from autoedge.agent.spool import Spool
from autoedge.runtimes.base import Port

if TYPE_CHECKING:
    from pathlib import Path


def test_a_damaged_reply_is_set_aside(tmp_path: Path) -> None:
    """A damaged reply and a foreign file block nothing: the one is set aside, the other is never offered."""
    spool = Spool(tmp_path)
    spool.keep("a" * 32, {"done": {}, "key": {}}, {})
    spool.keep("b" * 32, {"done": {}, "key": {}}, {})
    (tmp_path / f"{'a' * 32}.reply").write_bytes(b"AE1 9")
    (tmp_path / "notes.reply").write_text("mine")
    assert sorted(spool.waiting()) == ["a" * 32, "b" * 32]
    assert spool.read("a" * 32) is None
    assert spool.read("b" * 32) is not None
    assert spool.waiting() == ["b" * 32]
    assert (tmp_path / f"{'a' * 32}.damaged").exists()


def test_an_empty_spool_leaves_nothing(tmp_path: Path) -> None:
    """The folder goes with its agent when nothing was ever kept in it; a reply, or the log of one, keeps it."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "agent.lock").touch()
    Spool(tmp_path / "empty").close()
    assert not (tmp_path / "empty").exists()
    kept = Spool(tmp_path / "kept")
    kept.keep("a" * 32, {"done": {}, "key": {}}, {})
    kept.close()
    assert kept.waiting() == ["a" * 32]
    kept.drop("a" * 32)
    kept.close()
    assert (tmp_path / "kept" / "finished.jsonl").exists()
    Spool(tmp_path / "new").close()
    (tmp_path / "gone").mkdir()
    gone = Spool(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    gone.close()


def test_a_cut_transfer_goes_on_where_it_was(tmp_path: Path) -> None:
    """A transfer that was cut is asked for from where it ended, by the next agent too."""
    data = bytes(range(256)) * 100
    name = hashlib.sha256(data).hexdigest()
    first = Blobs(tmp_path)
    assert first.wanted(name) == 0
    first.add(name, 0, data[:1000], last=False)
    first._held[name].close()  # as when the agent dies
    second = Blobs(tmp_path)
    assert second.wanted(name) == 1000
    second.add(name, 1000, data[1000:], last=True)
    assert second.wanted(name) is None
    assert second.path(name).read_bytes() == data


def test_two_transfers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    """While one agent takes a file, another one waits for it instead of writing into it."""
    data = b"x" * 5000
    name = hashlib.sha256(data).hexdigest()
    one, other = Blobs(tmp_path), Blobs(tmp_path)
    assert one.wanted(name) == 0
    one.add(name, 0, data[:2500], last=False)
    answers: list[int | None] = []
    waiting = threading.Thread(target=lambda: answers.append(other.wanted(name)))
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    one.add(name, 2500, data[2500:], last=True)
    waiting.join(10)
    assert answers == [None]


def test_held_inputs_stay_small(tmp_path: Path) -> None:
    """However large a batch is, what is held while memory is measured stays within a few MiB, one batch at least."""
    np.savez(tmp_path / "data.npz", x=np.zeros((64, 3, 64, 64), np.float32))
    ports = [Port("image", "float32", ("n", 3, 64, 64))]
    job = {"data": str(tmp_path / "data.npz"), "batch": 8, "seed": 0}
    batches = Feed(ports, job).batches(16)
    assert 1 < len(batches) < 16
    assert sum(batch["image"].nbytes for batch in batches) <= 4 * 2**20
    generated = Feed([Port("image", "float32", ("n", 3, 512, 512))], {**job, "data": None}).batches(16)
    assert len(generated) == 1

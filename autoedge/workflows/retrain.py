"""``autoedge retrain``: train a surrogate on campaigns and stores; kept where it is not worse than the one before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError
from autoedge.surrogate.saved.card import CARD_FILE, EXAM_FILE, MODEL_FILE, TEXT_FILE, Comparison
from autoedge.surrogate.saved.card_text import card_text
from autoedge.surrogate.saved.folder import current, held, replace_files, settle
from autoedge.surrogate.saved.judging import all_of, judge
from autoedge.surrogate.saved.rows import joined
from autoedge.surrogate.saved.surrogate import Surrogate, load_with_exam
from autoedge.surrogate.saved.training import train
from autoedge.workflows.events import StageBegan, silent
from autoedge.workflows.learning_sources import read_sources, without_password

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from autoedge.surrogate.saved.exam import Exam
    from autoedge.surrogate.saved.training import Trained
    from autoedge.workflows.events import Listener


@dataclass(frozen=True)
class Retrained:
    """What came of a retraining.

    Attributes:
        trained: The challenger.
        comparison: With the champion; None where there was none, or where it is the very same model.
        promoted: Whether the challenger is what the folder holds now.
        reason: Why, or why not.
    """

    trained: Trained
    comparison: Comparison | None
    promoted: bool
    reason: str


def retrain(sources: Sequence[str], out: Path, *, on_event: Listener = silent) -> dict[str, Any]:
    """Train a surrogate and promote it where it is not worse than what ``out`` holds.

    The folder's files are replaced all at once, and stay as they are where the champion is kept. The same rows give
    the same bytes.

    Args:
        sources: Campaign folders, run folders, files or URLs of stores; others may write to them meanwhile.
        out: Folder of the surrogate.
        on_event: Told what happens.

    Returns:
        The document that the command prints as JSON.

    Raises:
        IntentError: No source, or one that is not there.
        DataError: A campaign cannot be read.
        StoreError: A store cannot be read.
        SurrogateError: There is too little to learn from, or ``out`` holds a damaged surrogate.
        OSError: The files cannot be written.
    """
    if not sources:
        raise IntentError("name at least one campaign or store with --from")
    if out.exists() and not out.is_dir():
        raise IntentError(f"--out: {out} is a file; name a folder, such as surrogate_models/NAME")
    on_event(StageBegan("train", f"reading {', '.join(map(without_password, sources))}"))
    read = read_sources(sources)
    rows, cards = joined([rows for rows, _ in read]), [card for _, card in read]
    new = not out.exists()
    with held(out):
        try:
            champion = _champion(out)
            asked = champion[1].rows() if champion else None
            trained = train(rows, cards, lambda step: on_event(StageBegan("train", step)), asked)
            done = _decided(trained, champion, out)
        finally:
            if new and not any(out.iterdir()):
                out.rmdir()
    card = done.trained.card
    return {
        "schema_version": 1,
        "out": str(out),
        "promoted": done.promoted,
        "reason": done.reason,
        "comparison": None if done.comparison is None else done.comparison.model_dump(),
        "card": card.model_dump(exclude={"trend", "columns"}) | {"columns": [column.name for column in card.columns]},
    }


def _champion(out: Path) -> tuple[Surrogate, Exam] | None:
    """What the folder holds now."""
    settle(out)
    there = any(current(out, name).exists() for name in (CARD_FILE, MODEL_FILE))
    return load_with_exam(out) if there else None


def _decided(trained: Trained, champion: tuple[Surrogate, Exam] | None, out: Path) -> Retrained:
    """Hold the challenger against the champion, and write what is promoted."""
    if champion is None:
        _write(trained, trained.exam.model_dump_json(), None, out)
        return Retrained(trained, None, promoted=True, reason="there was none before")
    now, recorded = champion
    if now.card.model_sha256 == trained.card.model_sha256:
        return Retrained(trained, None, promoted=True, reason="it is the very model that is there; nothing was changed")
    comparison = judge(now, Surrogate(trained.card, trained.text), recorded, trained.exam)
    if comparison.promoted:
        _write(trained, all_of(recorded, trained.exam).model_dump_json(), comparison, out)
    return Retrained(trained, comparison, comparison.promoted, comparison.reason)


def _write(trained: Trained, exam: str, comparison: Comparison | None, out: Path) -> None:
    digest = hashlib.sha256(exam.encode()).hexdigest()
    card = trained.card.model_copy(update={"comparison": comparison, "exam_sha256": digest})
    files = {
        MODEL_FILE: trained.text,
        EXAM_FILE: exam,
        CARD_FILE: card.model_dump_json(indent=1) + "\n",
        TEXT_FILE: card_text(card),
    }
    replace_files(out, files)

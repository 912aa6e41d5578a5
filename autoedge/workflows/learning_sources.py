"""Where a surrogate's rows come from: campaigns and measurement stores, as the user names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autoedge.campaign.campaign import CARD, read_campaign
from autoedge.errors import IntentError
from autoedge.intent.resolved import name_from
from autoedge.surrogate.saved.card import SourceCard
from autoedge.surrogate.saved.rows import rows_of
from autoedge.workflows.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import URL

    from autoedge.campaign.campaign import Campaign
    from autoedge.surrogate.saved.rows import Rows

_MAGIC = b"SQLite format 3\0"


def read_sources(words: Sequence[str]) -> list[tuple[Rows, SourceCard]]:
    """Read what the user named, in the order of the names; a source that is named twice counts once.

    A store may be written to meanwhile: what is finished counts. Its rows of different protocols are sources of their
    own.

    Args:
        words: Campaign folders, run folders, files or URLs of stores.

    Raises:
        IntentError: A word names none of these.
        DataError: A campaign cannot be read.
        StoreError: A store cannot be read.
        SurrogateError: A source has nothing that was measured.
    """
    found: dict[str, tuple[Rows, SourceCard]] = {}
    for word in words:
        for campaign in _campaigns(word):
            rows, card = rows_of(campaign), campaign.card
            source = SourceCard(
                name=card.name,
                source=card.source,
                licence=card.licence,
                targets=tuple(sorted(set(rows.targets))),
                rows=len(rows),
                sha256=rows.digest,
            )
            found[source.sha256] = rows, source
    return sorted(found.values(), key=lambda pair: (pair[1].name, pair[1].sha256))


def _campaigns(word: str) -> Iterator[Campaign]:
    path = Path(word)
    if (path / CARD).is_file():
        yield read_campaign(path)
        return
    from autoedge.workflows.export import campaign_of, opened_store  # campaigns need none of it

    if "://" not in word and not _holds_a_store(path):
        raise IntentError(
            f"--from: {word} is neither a campaign nor a store; "
            "name a campaign folder, a run folder, its study.db or the URL of a store"
        )
    name = name_from(_stem(word, path))
    store = opened_store(word)
    try:
        protocols = sorted({row.protocol_id for row in store.measurements() if row.ok})
    finally:
        store.close()
    if len(protocols) < 2:  # noqa: PLR2004 - nothing to tell apart
        yield campaign_of(word, name=name).campaign
        return
    for protocol in protocols:
        yield campaign_of(word, name=f"{name[: 63 - len(protocol)]}-{protocol}", protocols=(protocol,)).campaign


def without_password(word: str) -> str:
    """A source as it may be shown: of a URL, all but the password."""
    return _url(word).render_as_string(hide_password=True) if "://" in word else word


def _url(word: str) -> URL:
    import sqlalchemy as sa

    try:
        return sa.make_url(word)
    except (sa.exc.ArgumentError, ValueError):
        raise IntentError("--from: a URL is such as postgresql://user@host/database, but got something else") from None


def _holds_a_store(path: Path) -> bool:
    """Whether a run folder's database, or the file itself, begins as SQLite's files do."""
    file = RunFolder(path).database if path.is_dir() else path
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(_MAGIC)) == _MAGIC


def _stem(word: str, path: Path) -> str:
    """What a store is called; never a URL, which may hold a password."""
    if "://" in word:
        return Path(_url(word).database or "store").stem
    return path.resolve().name if path.is_dir() else path.resolve().parent.name or path.stem

"""The campaigns and the surrogate that ship with AutoEdge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autoedge.campaign.campaign import read_campaign
from autoedge.surrogate.saved.rows import rows_of
from autoedge.surrogate.saved.surrogate import load_surrogate

ROOT = Path(__file__).parents[2]
CAMPAIGNS = sorted(path.parent for path in (ROOT / "measurements").glob("*/campaign.json"))


def test_there_is_enough() -> None:
    """At least 2,000 results of the project's own: digits, well-known architectures, and several runtimes."""
    assert {"architectures-x86", "digits-x86", "formats-x86"} <= {folder.name for folder in CAMPAIGNS}
    assert sum(len(read_campaign(folder).frame) for folder in CAMPAIGNS) >= 2_000


@pytest.mark.parametrize("folder", CAMPAIGNS, ids=lambda folder: folder.name)
def test_every_row_says_where_and_when(folder: Path) -> None:
    """Fingerprint, date and protocol stand in each row, one candidate has one, and nothing in it is an estimate."""
    campaign = read_campaign(folder)
    frame = campaign.frame
    assert campaign.card.licence == "Apache-2.0"
    assert frame["fingerprint"].map(lambda text: bool(re.fullmatch("[0-9a-f]{16}", text))).all()
    assert frame["date"].map(lambda text: bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text))).all()
    assert frame["protocol_id"].nunique() == 1
    assert frame["candidate_id"].is_unique
    sources = {source for name in frame if name.endswith("_source") for source in frame[name].dropna()}
    assert sources <= {"measured", "derived"}


def test_the_surrogate_was_trained_from_them() -> None:
    """Its card names the very rows that are shipped, by their hashes."""
    card = load_surrogate(ROOT / "surrogate_models" / "default").card
    shipped = {folder.name: rows_of(read_campaign(folder)).digest for folder in CAMPAIGNS}
    assert {source.name: source.sha256 for source in card.sources} == shipped

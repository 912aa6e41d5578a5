"""A campaign of two boards, as a card and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from autoedge.campaign.campaign import write_campaign
from autoedge.campaign.card import Card

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CARD: dict[str, Any] = {
    "schema_version": 1,
    "name": "boards",
    "rows": "rows.parquet",
    "target": "board",
    "knobs": {"model": {"type": "categorical"}, "batch": {"type": "int"}},
    "features": {"macs": {"scale": "log"}},
    "objectives": {
        "latency_ms": {"direction": "minimize", "scale": "log"},
        "accuracy": {"direction": "maximize"},
    },
}


@pytest.fixture
def card() -> Card:
    """Two knobs, a feature, two objectives, several boards."""
    return Card.model_validate(CARD)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Two boards with three models at two batches; the larger the model, the slower and the better."""
    rows = [
        {
            "board": board,
            "model": model,
            "batch": batch,
            "macs": 10.0**size,
            "latency_ms": speed * 10.0**size / batch,
            "accuracy": 0.7 + 0.1 * size,
            "remark": "kept",
        }
        for board, speed in (("pi4", 2.0), ("pi5", 1.0))
        for size, model in enumerate(("tiny", "small", "large"))
        for batch in (1, 4)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def save(tmp_path: Path, frame: pd.DataFrame) -> Callable[..., Path]:
    """``save(table, **card)``: a campaign folder, unchecked, so that it may be a bad one."""

    def make(table: pd.DataFrame | None = None, **other: Any) -> Path:
        changed = Card.model_validate({**CARD, **other})
        folder = tmp_path / changed.name
        folder.mkdir(exist_ok=True)
        written = frame if table is None else table
        if changed.rows.endswith(".csv"):
            written.to_csv(folder / changed.rows, index=False)
        else:
            written.to_parquet(folder / changed.rows, index=False)
        (folder / "campaign.json").write_text(changed.model_dump_json())
        return folder

    return make


@pytest.fixture
def boards(tmp_path: Path, card: Card, frame: pd.DataFrame) -> Path:
    """The campaign as a folder."""
    write_campaign(tmp_path / "good", card, frame)
    return tmp_path / "good"

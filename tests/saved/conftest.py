"""Made-up boards that obey a law with a little noise, so that there is something to learn and something to miss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from autoedge.campaign.campaign import Campaign, write_campaign
from autoedge.campaign.card import Card
from autoedge.surrogate.saved.card import SourceCard
from autoedge.surrogate.saved.rows import joined, rows_of
from autoedge.surrogate.saved.training import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.surrogate.saved.training import Trained

    Make = Callable[..., Campaign]

CARD: dict[str, Any] = {
    "schema_version": 1,
    "name": "boards",
    "licence": "CC0-1.0",
    "rows": "rows.parquet",
    "target": "device",
    "knobs": {
        "model": {"type": "categorical"},
        "precision": {"type": "categorical"},
        "batch": {"type": "int"},
        "threads": {"type": "int"},
    },
    "features": {"log_macs": {}},
    "objectives": {"latency_p50_ms": {"direction": "minimize", "scale": "log"}},
}
SPEEDS = {"pi4": 2.0, "pi5": 1.0, "jetson": 0.3}


def _frame(boards: tuple[str, ...], models: int, noise: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "device": board,
            "model": f"m{model}",
            "precision": precision,
            "batch": batch,
            "threads": threads,
            "log_macs": 5.0 + 0.4 * model,
            "latency_p50_ms": SPEEDS[board]
            * 10 ** (0.4 * model)
            * batch**0.9
            * threads**-0.7
            * (0.6 if precision == "int8" else 1.0)
            * float(np.exp(rng.normal(0.0, noise))),
        }
        for board in boards
        for model in range(models)
        for precision in ("fp32", "int8")
        for batch in (1, 2, 4, 8)
        for threads in (1, 2, 4)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def make() -> Make:
    """``make(boards, models, noise, seed, **card)``: results of every configuration on every board."""

    def campaign(
        boards: tuple[str, ...] = ("pi4", "pi5"), models: int = 6, noise: float = 0.05, seed: int = 0, **card: Any
    ) -> Campaign:
        return Campaign(Card.model_validate({**CARD, **card}), _frame(boards, models, noise, seed))

    return campaign


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, Campaign], Path]:
    """``save(name, campaign)``: its folder."""

    def write(name: str, campaign: Campaign) -> Path:
        folder = tmp_path / name
        write_campaign(folder, campaign.card, campaign.frame)
        return folder

    return write


@pytest.fixture(scope="session")
def teach() -> Callable[..., Trained]:
    """``teach(campaign, ...)``: a surrogate trained on them."""

    def learn(*campaigns: Campaign) -> Trained:
        parts = [rows_of(campaign) for campaign in campaigns]
        sources = [
            SourceCard(
                name=campaign.card.name,
                source=campaign.card.source,
                licence=campaign.card.licence,
                targets=tuple(campaign.targets),
                rows=len(part),
                sha256=part.digest,
            )
            for campaign, part in zip(campaigns, parts, strict=True)
        ]
        return train(joined(parts), sources)

    return learn


@pytest.fixture(scope="session")
def taught(make: Make, teach: Callable[..., Trained]) -> Trained:
    """A surrogate of six models on two boards."""
    return teach(make())


@pytest.fixture
def shuffled(make: Make) -> Campaign:
    """The same configurations with the figures of others: deliberately worse to learn from."""
    campaign = make()
    frame = campaign.frame.copy()
    frame["latency_p50_ms"] = np.random.default_rng(1).permutation(frame["latency_p50_ms"].to_numpy())
    return Campaign(campaign.card, frame)

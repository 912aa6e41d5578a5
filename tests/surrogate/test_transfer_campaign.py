"""Transfer between recorded devices, where recorded campaigns are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.results import results_of
from autoedge.campaign.table import Table
from autoedge.surrogate.described import describe
from autoedge.surrogate.fewshot import FewShot
from autoedge.surrogate.sources import source_predictions
from autoedge.surrogate.threads import one_thread

CAMPAIGN = Path(__file__).parents[3] / "shared" / "campaigns" / "yolobench"


@pytest.mark.skipif(not CAMPAIGN.is_dir(), reason="the recorded campaign yolobench is not here")
def test_ten_values_and_other_boards_beat_either_alone() -> None:
    """Each board from the others and ten values ranks better than from ten values alone, and than its nearest board."""
    campaign = read_campaign(CAMPAIGN)
    tables = {name: results_of(Table(campaign, name)) for name in campaign.targets}
    ours, alone, nearest = [], [], []
    with one_thread():
        for table in tables.values():
            others = [other for other in tables.values() if other is not table]
            predictions, described = source_predictions(others, "latency_ms", table), describe(table)
            values = table.values["latency_ms"]
            for seed in range(5):
                rows = np.random.default_rng([seed, 1]).choice(len(table), 10, replace=False)
                rest = np.setdiff1d(np.arange(len(table)), rows)
                for found, columns in ((ours, predictions), (alone, predictions[:, :0])):
                    mean, _ = FewShot(columns, described).fit(rows, values[rows]).predict(rest)
                    found.append(spearmanr(mean, values[rest])[0])
                best = max(predictions.T, key=lambda column, rows=rows: spearmanr(column[rows], values[rows])[0])
                nearest.append(spearmanr(best[rest], values[rest])[0])
    assert np.mean(ours) > np.mean(alone)
    assert np.mean(ours) > np.mean(nearest)

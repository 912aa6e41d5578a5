"""The surrogate with a history: the campaign's other targets, the same without quality, or a foreign campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.results import Results, results_of
from autoedge.campaign.table import Table
from autoedge.search.sampler import SurrogateSampler

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.search.pool import Grid
    from autoedge.search.strategies import Maker

QUALITY = ("accuracy_pct", "map50_95")
# An unrelated campaign of each, with as many names in common as there are.
FOREIGN = {
    "aihub-classification": "mlperf-edge",
    "hailo-classification": "aihub-classification",
    "mlperf-edge": "aihub-classification",
    "nb201-devices": "yolobench",
    "timm": "aihub-classification",
    "tx2-inceptionv3-400": "yolobench",
    "tx2-inceptionv3-800": "mlperf-edge",
    "yolobench": "mlperf-edge",
}


def history_of(root: Path, name: str, target: str, kind: str) -> list[Results]:
    """Results of the other targets (warm), without their quality (blind), or of another campaign (foreign)."""
    campaign = read_campaign(root / (FOREIGN[name] if kind == "foreign" else name))
    found = [results_of(Table(campaign, other)) for other in campaign.targets if kind == "foreign" or other != target]
    if kind != "blind":
        return found
    return [
        Results(
            one.name,
            one.knobs,
            one.ordered,
            one.features,
            {metric: values for metric, values in one.values.items() if metric not in QUALITY},
        )
        for one in found
    ]


def make_warm(root: Path, name: str, target: str, kind: str) -> Maker | None:
    """What makes the sampler; None where the campaign has no other target."""
    history = history_of(root, name, target, kind)
    if not history:
        return None

    def make(grid: Grid, seed: int) -> SurrogateSampler:
        return SurrogateSampler(seed, pool=grid, history=history)

    return make

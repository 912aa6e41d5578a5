"""Cards drafted from tables: what each column is taken for."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.conventions import QUANTITIES, Meant, quantity_of
from autoedge.campaign.drafting import drafted, guess
from autoedge.campaign.new import write_new_campaign
from autoedge.campaign.plan import Plan, plan_as
from autoedge.errors import DataError


def _table(**columns: Any) -> pd.DataFrame:
    plain = {"model": ["a", "b", "c", "d"], "latency_ms": [1.0, 2.0, 3.0, 50.0]}
    return pd.DataFrame({**plain, **columns})


def _plan(table: pd.DataFrame, column: str) -> Plan:
    return next(plan for plan in guess(table) if plan.column == column)


@pytest.mark.parametrize(
    ("column", "values", "role", "more"),
    [
        ("board", ["x", "x", "y", "y"], "target", {}),
        ("device_id", [1, 2, 3, 4], "feature", {}),
        ("precision", ["fp32", "int8", "fp32", "int8"], "knob", {"type": "categorical"}),
        ("threads", [1, 2, 1, 2], "knob", {"type": "int"}),
        ("width", [0.5, 1.0, 0.5, 1.0], "knob", {"type": "float"}),
        ("fused", [True, False, True, False], "knob", {"type": "categorical"}),
        ("clock", [1.0, None, 2.0, 1.0], "none", {}),
        ("params_m", [1.0, 2.0, 3.0, 4.0], "feature", {"scale": "log"}),
        ("log_macs", [6.0, 7.0, 8.0, 9.0], "feature", {"scale": "linear"}),
        ("energy (mJ)", [1.0, 2.0, 3.0, 4.0], "objective", {"direction": "minimize", "scale": "log"}),
        ("us_per_image", [1.0, 2.0, 3.0, 4.0], "objective", {"direction": "minimize", "needs_unit": False}),
        ("inference time", [1.0, 2.0, 3.0, 4.0], "objective", {"direction": "minimize", "needs_unit": True}),
        ("fps", [1.0, 2.0, 3.0, 4.0], "objective", {"direction": "maximize", "scale": "log"}),
        ("Top1 accuracy", [0.1, 0.2, 0.3, 0.4], "objective", {"direction": "maximize", "unit": "", "scale": "linear"}),
        ("acc", [71.0, 72.0, 73.0, 74.0], "objective", {"direction": "maximize", "unit": "pct"}),
        ("throughput_ips", [1.0, 2.0, 3.0, 4.0], "objective", {"direction": "maximize", "needs_unit": False}),
        ("latency_ms_lo", [0.9, 1.9, 2.9, 49.0], "none", {}),
        ("run_id", ["p", "q", "r", "s"], "none", {}),
        ("license", ["MIT"] * 4, "none", {}),
    ],
)
def test_guess(column: str, values: list[Any], role: str, more: dict[str, Any]) -> None:
    """A column's name and values tell its role, and of an objective direction, scale and unit."""
    plan = _plan(_table(**{column: values}), column)
    assert plan.role == role
    assert {key: getattr(plan, key) for key in more} == more


@given(
    st.sampled_from(
        [(quantity, word, unit) for quantity in QUANTITIES for word in quantity.words for unit in quantity.units]
    )
)
def test_unit_in_a_name(case: tuple[Any, str, str]) -> None:
    """Every quantity is known by each of its words with each of its units behind it, however it is written."""
    quantity, word, unit = case
    for name in (f"{word}_{unit}", f"Mean {word.upper()} [{unit}]"):
        assert quantity_of(name) == Meant(quantity, unit, sure=True)


@given(st.text(max_size=40))
def test_any_name(name: str) -> None:
    """No name of a column is too odd to be looked at."""
    found = quantity_of(name)
    assert found is None or found.quantity in QUANTITIES


@pytest.mark.parametrize(
    ("column", "direction"),
    [
        *((f"{name}_pct", "minimize") for name in ("top1_error", "wer", "error_rate", "accuracy_drop", "cer")),
        *((name, "minimize") for name in ("top5_err", "map_loss", "battery_drain_mw", "us_per_image", "mj_per_image")),
        *(
            (f"{name}_per_{cost}", "maximize")
            for name in ("frames", "images", "fps")
            for cost in ("joule", "watt", "mj")
        ),
        *((name, "maximize") for name in ("energy_eff_ips_per_w", "battery_life_h", "top1_pct", "recall", "fps")),
    ],
)
def test_direction_in_a_name(column: str, direction: str) -> None:
    """Errors, losses and costs are better small, also beside a word of quality; what a joule gives is better large."""
    table = _table(**{column: [0.1, 0.2, 0.3, 0.4]})
    card, _ = drafted(table, guess(table), name="x", rows="rows.parquet")
    assert card.objectives[column].direction == direction


@pytest.mark.parametrize("column", ["recall_ms", "decode_ms", "memory_free_mib", "energy_saved_mj"])
def test_a_direction_that_is_not_sure_is_asked_for(column: str) -> None:
    """A unit alone, or a word that may turn it round, tells no direction: the user does."""
    table = _table(**{column: [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(DataError, match=f"which way is better of {column} .* --objective {column}:minimize or :maxi"):
        drafted(table, guess(table), name="x", rows="rows.parquet")
    plans = [plan_as(table, column, "objective", ["maximize"]), _plan(table, "model")]
    card, _ = drafted(table[["model", column]], plans, name="x", rows="rows.parquet")
    assert card.objectives[column].direction == "maximize"


def test_a_name_that_tells_nothing_has_no_direction() -> None:
    """Also where it is the user who calls it an objective."""
    table = _table(score=[1.0, 2.0, 3.0, 4.0])
    with pytest.raises(DataError, match="which way is better of score"):
        drafted(table, [plan_as(table, "score", "objective"), _plan(table, "model")], name="x", rows="rows.parquet")


@pytest.mark.parametrize("column", ["sparsity_pct", "prune_percent", "power_limit_w", "gpu_clock_hz"])
def test_settings_are_knobs(column: str) -> None:
    """A share of no known quantity, and what is called a limit or a clock, are set and not measured."""
    assert _plan(_table(**{column: [10.0, 50.0, 10.0, 50.0]}), column).role == "knob"


def test_percent_alone_tells_nothing() -> None:
    """Shares that differ in every row are neither an objective nor a knob."""
    assert _plan(_table(cpu_percent=[10.0, 51.0, 12.0, 53.0]), "cpu_percent").role == "none"


def test_an_error_beyond_one_needs_its_unit() -> None:
    """A share is known by its values; 7.1 may be percent or not."""
    assert _plan(_table(top5_err=[7.0, 8.0, 9.0, 10.0]), "top5_err").needs_unit
    assert not _plan(_table(top5_err=[0.07, 0.08, 0.09, 0.1]), "top5_err").needs_unit


def test_unknown_unit_is_asked_for() -> None:
    """A time without a unit is no campaign yet; once told, the unit stands in the column's name."""
    table = _table(delay=[1.0, 2.0, 3.0, 4.0])
    with pytest.raises(DataError, match="the unit of delay is not in the name; say it with --unit delay=UNIT"):
        drafted(table, guess(table), name="x", rows="rows.parquet")
    plans = [plan.with_unit("ms") if plan.column == "delay" else plan for plan in guess(table)]
    card, frame = drafted(table, plans, name="x", rows="rows.parquet")
    assert "delay_ms" in card.objectives
    assert frame["delay_ms"].tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("unit", "name"), [("1", "score"), ("%", "score_pct"), ("mJ", "score_mj"), ("m/s", "score_m_per_s")]
)
def test_units_become_names(unit: str, name: str) -> None:
    """A unit becomes the end of a name; ``1`` stands for none."""
    assert Plan("score", "objective").with_unit(unit).name == name


@pytest.mark.parametrize("unit", ["", "two words", "x" * 20, "\x1b[31m"])
def test_no_unit(unit: str) -> None:
    """What is no unit is refused."""
    with pytest.raises(DataError, match="a unit is such as ms"):
        Plan("score", "objective").with_unit(unit)


@pytest.mark.parametrize(
    ("column", "role", "more", "message"),
    [
        ("nothing", "knob", [], "no column 'nothing'"),
        ("model", "objective", [], "column model holds numbers where it is objective"),
        ("latency_ms", "objective", ["upwards"], "as objective: one may say direction minimize, maximize"),
        ("model", "target", ["log"], "as target: one may say nothing more"),
    ],
)
def test_roles_refused(column: str, role: Any, more: list[str], message: str) -> None:
    """A role that a column cannot have is refused, and the message says what could be."""
    with pytest.raises(DataError, match=message):
        plan_as(_table(), column, role, more)


def test_roles_told() -> None:
    """What is said of a column wins over what its name tells."""
    plan = plan_as(_table(), "latency_ms", "objective", ["linear", "maximize"])
    assert (plan.direction, plan.scale) == ("maximize", "linear")
    assert plan_as(_table(threads=[1, 2, 1, 2]), "threads", "knob", ["categorical"]).type == "categorical"


def test_numbers_as_choices_have_one_form() -> None:
    """A number that became one only because another was missing is written as before; what is missing stays so."""
    table = _table(groups=[1.0, None, 2.0, 1.0])
    plans = [*guess(table[["model", "latency_ms"]]), plan_as(table, "groups", "knob")]
    _, frame = drafted(table, plans, name="x", rows="rows.parquet")
    assert frame["groups"].isna().tolist() == [False, True, False, False]
    assert frame["groups"].dropna().tolist() == ["1", "2", "1"]


def test_nothing_measured() -> None:
    """Without a knob, or without an objective, there is no campaign."""
    for table, missing in ((pd.DataFrame({"model": ["a", "b"]}), "objective"), (pd.DataFrame({"fps": [1, 2]}), "knob")):
        with pytest.raises(DataError, match=f"at least one {missing}.*name it with --{missing}"):
            drafted(table, guess(table), name="x", rows="rows.parquet")


def test_what_is_drafted_is_a_campaign(tmp_path: Any) -> None:
    """A drafted card and its rows can be written, read again, and never over one that is there."""
    table = _table(board=["x", "x", "y", "y"], mixed=["1", 2, None, "x"], batch=[1, 2, 1, 2])
    card, frame = drafted(table, guess(table), name="x", rows="rows.parquet", source="bench 7")
    write_new_campaign(tmp_path / "x", card, frame)
    again = read_campaign(tmp_path / "x")
    assert again.targets == ["x", "y"]
    assert again.card.source == "bench 7"
    assert set(again.card.knobs) == {"model", "mixed", "batch"}
    with pytest.raises(DataError, match=r"holds campaign.json already, and nothing is overwritten"):
        write_new_campaign(tmp_path / "x", card, frame)

"""Numbers with units."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.intent.problem import RuleError
from autoedge.intent.units import quantity

# Each unit with how many of the dimension's smallest one it holds, from the units' definitions.
UNITS = {
    "time": {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9,
             "h": 3600 * 10**9, "d": 86_400 * 10**9, "year": 31_557_600 * 10**9},
    "bytes": {"B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30},
    "energy": {"uJ": 1, "mJ": 10**3, "J": 10**6, "kJ": 10**9, "mWh": 36 * 10**5, "Wh": 36 * 10**8, "kWh": 36 * 10**11},
    "power": {"uW": 1, "mW": 10**3, "W": 10**6, "kW": 10**9},
    "rate": {"/ d": 1, "/h": 24, "/ min": 1440, "/s": 86_400, "items / s": 86_400, "ips": 86_400,
             "Hz": 86_400, "kHz": 86_400_000},
    "fraction": {"%": 1, "percent": 1},
    "charge": {"mAh": 1, "Ah": 1000},
    "voltage": {"mV": 1, "V": 1000},
    "mass": {"g": 1, "kg": 10**3, "t": 10**6},
    "carbon intensity": {"g / MWh": 1, "g/kWh": 1000, "kg / MWh": 1000, "kg / kWh": 10**6, "t / MWh": 10**6},
}  # fmt: skip
PAIRS = [(dimension, one, other) for dimension, units in UNITS.items() for one in units for other in units]


@pytest.mark.parametrize(
    ("text", "dimension", "unit", "expected"),
    [
        ("20 ms", "time", "ms", 20.0),
        ("20ms", "time", "ms", 20.0),
        ("  0.02   s ", "time", "ms", 20.0),
        ("2e-2 s", "time", "ms", 20.0),
        ("12 h", "time", "h", 12.0),
        ("64 MiB", "bytes", "MiB", 64.0),
        ("1 MB", "bytes", "MiB", 0.95367431640625),
        ("1 Wh", "energy", "mJ", 3.6e6),
        ("120 / min", "rate", "ips", 2.0),
        ("95 %", "fraction", None, 0.95),
        ("0.1 %", "fraction", None, 0.001),
        (0.95, "fraction", None, 0.95),
        ("0.95", "fraction", None, 0.95),
        ("2600 mAh", "charge", None, 2.6),
    ],
)
def test_values(text: str | float, dimension: str, unit: str | None, expected: float) -> None:
    """Conversions are right to the last bit, percentages too."""
    assert quantity(text, dimension, unit) == expected  # type: ignore[arg-type]


@given(pair=st.sampled_from(PAIRS), number=st.floats(1e-9, 1e9))
def test_consistent(pair: tuple[str, str, str], number: float) -> None:
    """The same amount is the same number in whatever unit of its dimension it is written."""
    dimension, one, other = pair
    ratio = UNITS[dimension][one] / UNITS[dimension][other]
    converted = quantity(f"{number!r} {one}", dimension)  # type: ignore[arg-type]
    again = quantity(f"{number * ratio!r} {other}", dimension)  # type: ignore[arg-type]
    assert math.isclose(converted, again, rel_tol=1e-12)


@given(number=st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_canonical_units_are_exact(number: float) -> None:
    """A number in the canonical unit is not changed at all, so that written intents read back equal."""
    units = {"time": "s", "bytes": "MiB", "energy": "Wh", "power": "W", "rate": "/ s", "mass": "kg"}
    for dimension, unit in (*units.items(), ("time", "year"), ("carbon intensity", "g / kWh")):
        assert quantity(f"{number!r} {unit}", dimension, unit.replace(" ", "")) == number  # type: ignore[arg-type]


@pytest.mark.parametrize(("dimension", "units"), UNITS.items())
def test_dimensions_do_not_mix(dimension: str, units: dict[str, int]) -> None:
    """No unit is taken for one of another dimension: bytes are no time, percent no plain number."""
    others = {unit for other, names in UNITS.items() for unit in names if other != dimension} - set(units)
    for unit in others:
        with pytest.raises(RuleError, match=r"^takes an? .*, but got 20"):
            quantity(f"20 {unit}", dimension)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        (20, "time", "takes a time with its unit, but got 20; write 20 ms"),
        ("1.5", "bytes", "takes an amount of memory with its unit, but got 1.5; write 1.5 MiB"),
        ("2", "rate", "takes a rate with its unit, but got 2; write 2 / s"),
        ("20 msec", "time", "takes a time, but got 20 msec; msec is no unit, did you mean"),
        ("64 mib", "bytes", "takes an amount of memory, but got 64 mib; mib is no unit, did you mean MiB?"),
        ("20 apples", "energy", "takes an energy, but got 20 apples; apples is no unit, known are uJ, mJ, J, kJ"),
        ("0,5 s", "time", "takes a number with a decimal point, but got 0,5 s"),
        ("", "time", "takes a time, but got ''"),
        ("ms", "time", "takes a time, but got ms"),
        ("1e999 s", "time", "takes a finite number, but got 1e999 s"),
        ("1e308 d", "time", "takes a finite number, but got 1e308 d"),
        (float("nan"), "fraction", "takes a fraction or a percentage, but got nan"),
        (float("inf"), "fraction", "takes a fraction or a percentage, but got inf"),
        ("10**10**10 s", "time", "takes a time, but got 10**10**10 s"),
        ("1 s**9999999", "time", "takes a time, but got 1 s**9999999"),
        ("1 __import__('os')", "time", "takes a time, but got 1 __import__('os')"),
        ("9" * 1000 + " s", "time", "takes a time, but got 999"),
        ("1" + " " * 50_000 + "\n" * 50_000 + "x", "time", "takes a time, but got 1"),
    ],
)
def test_refused(text: str | float, dimension: str, message: str) -> None:
    """What is no quantity of the dimension is refused with the rule, the value and what to write; never evaluated."""
    with pytest.raises(RuleError) as caught:
        quantity(text, dimension)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


@given(text=st.text(max_size=30) | st.from_regex(r"[-+.0-9e]{0,6} ?[a-zA-Z%/ ]{0,6}", fullmatch=True))
def test_any_text(text: str) -> None:
    """Whatever the text, the answer is a finite number or a refusal."""
    for dimension in UNITS:
        number, message = 0.0, ""
        try:
            number = quantity(text, dimension)  # type: ignore[arg-type]
        except RuleError as error:
            message = str(error)
        assert math.isfinite(number)
        assert not message or message.isprintable()

"""``autoedge power integrate``: recorded traces of every kind, and what is no trace."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoedge.bench.recorded import read_meter
from autoedge.errors import DataError
from autoedge.meters.spec import MeterSpec
from autoedge.workflows.integrate import integrate

if TYPE_CHECKING:
    from collections.abc import Callable

TRACES = Path(__file__).parents[3] / "shared" / "traces"
FOLDERS = sorted(path.parent for path in TRACES.glob("*/trace.json"))
SPEC = {
    "name": "um25c",
    "scope": "board-input",
    "update_period_s": 0.5,
    "settling_s": 0.5,
    "resolution_w": 0.001,
    "gain": 0.01,
    "offset_w": 0.002,
}


@pytest.mark.skipif(not FOLDERS, reason="the recorded traces are not here")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_published_medians(folder: Path) -> None:
    """Each recorded trace gives its published median energy per inference within 0.1 %, and its windows' energies."""
    published = json.loads((folder / "trace.json").read_text())
    found = integrate(folder)
    assert found["median_mj_per_inference"] == pytest.approx(published["published_median_mj_per_inference"], rel=1e-3)
    for window, stated in zip(found["windows"], published["windows"], strict=True):
        assert window["energy_mj"] == pytest.approx(stated["published_energy_mj"], rel=1e-3)
        assert window["mj_per_inference"] == pytest.approx(window["energy_mj"] / stated["inferences"])


def write_folder(place: Path, **changes: Any) -> Path:
    """A trace folder: 30,000 bins of 5 uJ per ms, one window of 20 s and 40 inferences."""
    folder = place / "recorded"
    folder.mkdir()
    pd.DataFrame({"energy_uj": np.full(30_000, 5.0, np.float32)}).to_parquet(folder / "trace.parquet")
    windows = [{"start_s": 5.0, "stop_s": 25.0, "inferences": 40}]
    form = {"schema_version": 1, "trace": "trace.parquet", "bin_s": 0.001, "windows": windows}
    (folder / "trace.json").write_text(json.dumps(form | changes))
    return folder


def write_csv(place: Path, text: str | None = None, *, name: str = "trace.csv") -> Path:
    """A ramp from 2 W to 8 W over 30 s at 100 Hz, or this text."""
    path = place / name
    if text is None:
        time = np.arange(3001) / 100
        pd.DataFrame({"time_s": time, "power_w": 2 + 0.2 * time}).to_csv(path, index=False)
    else:
        path.write_text(text)
    return path


def write_windows(place: Path, form: Any, name: str = "windows.json") -> Path:
    """A file with windows."""
    path = place / name
    path.write_text(form if isinstance(form, str) else json.dumps(form))
    return path


def test_a_folder_of_bins(tmp_path: Path) -> None:
    """Bins are summed between the edges; the document has the promised keys."""
    found = integrate(write_folder(tmp_path))
    assert found["schema_version"] == 1
    (window,) = found["windows"]
    assert window["energy_mj"] == pytest.approx(100.0)
    assert window["mean_power_w"] == pytest.approx(0.005)
    assert found["median_mj_per_inference"] == window["mj_per_inference"] == pytest.approx(2.5)
    assert (window["method"], window["refused"]) == ("counter", "")
    assert integrate(tmp_path / "recorded" / "trace.json") == found | {
        "trace": str(tmp_path / "recorded" / "trace.json")
    }


def test_the_whole_trace_is_a_window(tmp_path: Path) -> None:
    """Without windows the whole trace is integrated, and nothing is said of inferences that nobody counted."""
    found = integrate(write_csv(tmp_path))
    (window,) = found["windows"]
    assert window["energy_mj"] == pytest.approx(150e3)
    assert window["mean_power_w"] == pytest.approx(5.0)
    assert window["mj_per_inference"] is window["uncertainty_mj"] is found["median_mj_per_inference"] is None


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("windows", ["json", "csv"])
def test_tables_and_windows(tmp_path: Path, kind: str, windows: str) -> None:
    """CSV and Parquet, with windows from JSON or CSV, give the integral between interpolated edges."""
    trace = write_csv(tmp_path)
    if kind == "parquet":
        pd.read_csv(trace).to_parquet(tmp_path / "trace.parquet")
        trace = tmp_path / "trace.parquet"
    if windows == "json":
        form = [{"start_s": 5.005, "end_s": 17.5, "inferences": 100}, {"start_s": 18, "end_s": 29, "inferences": 50}]
        stated = write_windows(tmp_path, {"windows": form})
    else:
        stated = write_windows(tmp_path, "start_s,end_s,inferences\n5.005,17.5,100\n18,29,50\n", "windows.csv")
    found = integrate(trace, stated)
    first, second = found["windows"]
    assert first["energy_mj"] == pytest.approx((2 * 12.495 + 0.1 * (17.5**2 - 5.005**2)) * 1e3, rel=1e-9)
    assert second["energy_mj"] == pytest.approx((2 * 11 + 0.1 * (29**2 - 18**2)) * 1e3, rel=1e-9)
    assert found["median_mj_per_inference"] == pytest.approx(
        (first["mj_per_inference"] + second["mj_per_inference"]) / 2
    )


def test_a_known_meter_widens_the_uncertainty(tmp_path: Path) -> None:
    """A known meter's gain and offset are in the uncertainty; otherwise the document says that they are not."""
    trace = write_csv(tmp_path, "time_s,power_w\n" + "".join(f"{t / 2},4.0\n" for t in range(121)))
    windows = write_windows(tmp_path, [{"start_s": 10, "end_s": 50, "inferences": 10}])
    spec = tmp_path / "meter.json"
    spec.write_text(json.dumps({"spec": SPEC}))
    known, unknown = integrate(trace, windows, read_meter(spec)), integrate(trace, windows)
    assert known["meter"]["name"] == "um25c"
    assert unknown["meter"] is None
    assert "not in the uncertainty" in unknown["accuracy_from"]
    assert known["windows"][0]["method"] == "settled mean"
    assert known["windows"][0]["parts_mj"]["gain"] == pytest.approx(1600 / 3**0.5)
    assert known["windows"][0]["uncertainty_mj"] > unknown["windows"][0]["uncertainty_mj"]
    assert known["windows"][0]["uncertainty_mj"] == pytest.approx(known["windows"][0]["energy_uncertainty_mj"] / 10)


def test_short_windows_are_told(tmp_path: Path) -> None:
    """A window that the meter is not fit for has its figures and the reason not to trust them."""
    windows = write_windows(tmp_path, [{"start_s": 5, "end_s": 6, "inferences": 1}])
    (window,) = integrate(write_csv(tmp_path), windows)["windows"]
    assert window["energy_mj"] == pytest.approx(3100.0)
    assert "too short" in window["refused"]


BAD_TRACES = [
    ("", "has no column 'time_s'; there are none"),
    ("time_s,power_w\n", "holds no samples"),
    ("time_s,watts\n0,1\n1,1\n", "has no column 'power_w'; there are time_s, watts"),
    ("seconds,power_w\n0,1\n1,1\n", "has no column 'time_s'"),
    ("time_s,power_w\n0,1\n1,\n2,1\n", "row 2: 'power_w' is a number within +/- 1e+12, but got nan"),
    ("time_s,power_w\n0,1\n1,inf\n2,1\n", "row 2: 'power_w' is a number within +/- 1e+12, but got inf"),
    ("time_s,power_w\n0,1\n1,1" + "0" * 400 + "\n2,1\n", "row 2: 'power_w' is a number within"),
    ("time_s,power_w\n" + "".join(f"{t},1e308\n" for t in range(200)), "row 1: 'power_w' is a number within"),
    ("time_s,power_w\n0,1\n-1e300,1\n", "row 2: 'time_s' is a number within"),
    ("time_s,power_w\n0,1\n1,a lot\n2,1\n", "row 2: 'power_w' is a number, but got 'a lot'"),
    ("time_s,power_w\n0,1\n2,1\n1,1\n", "row 3: time_s goes backwards"),
    ("time_s,power_w\n" + "".join(f"{9000 - t},{t / 10},5.0\n" for t in range(99)), "line 2 has 3 cells"),
    ("time_s,power_w,power_w\n0,1,2\n1,1,2\n", "names the column 'power_w' twice"),
    ("time_s,power_w\n0,1\n", "two samples at least, but this one has 1"),
    ("time_s,power_w\n1,1\n1,1\n", "all samples have the same time_s"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TRACES, ids=[message for _, message in BAD_TRACES])
def test_bad_traces(tmp_path: Path, text: str, message: str) -> None:
    """What is no trace is refused with the file, the rule and the row."""
    with pytest.raises(DataError) as caught:
        integrate(write_csv(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "trace.csv"))
    assert message in str(caught.value)


BAD_WINDOWS = [
    ([], "holds no windows"),
    ({"other": []}, "'windows' is a list"),
    ([{"start_s": 5}], "windows[0]: has no 'end_s'"),
    ([{"start_s": 5, "end_s": 5}], "windows[0]: ends after it started"),
    ([{"start_s": 5, "end_s": "x"}], "windows[0]: 'end_s' is a number of seconds"),
    ([{"start_s": 5, "end_s": 9, "inferences": 0}], "'inferences' is a whole number from 1"),
    ([{"start_s": 5, "end_s": 9, "inferences": 2.5}], "'inferences' is a whole number from 1"),
    ([{"start_s": 5, "end_s": 9}, {"start_s": 20, "end_s": 31}], "windows[1] goes from 20.0 s to 31.0 s"),
    ([{"start_s": -3, "end_s": 9}], "but the trace from 0 s to 30 s"),
    ("{", "is no JSON"),
    ([3], "windows[0]: is no object"),
    ('[{"start_s": 5, "end_s": 9, "inferences": Infinity}]', "'inferences' is a whole number from 1 to 1e+12"),
    ([{"start_s": 5, "end_s": 9, "inferences": 10**400}], "'inferences' is a whole number from 1 to 1e+12"),
    ([{"start_s": 5, "end_s": 10**400}], "'end_s' is a number of seconds within +/- 1e+12, but is 1000000"),
    ('[{"start_s": NaN, "end_s": 9}]', "'start_s' is a number of seconds within +/- 1e+12, but is nan"),
]
BAD_WINDOW_TABLES = [
    ("start_s,end_s\n0,1,15\n", "line 2 has 3 cells, but the first line names 2 columns"),
    ("end_s\n15\n", "has no column 'start_s'"),
    ("start_s\n0\n", "windows[0]: has no 'end_s'"),
    ("start_s,end_s,inferences\n0,15,inf\n", "windows[0]: 'inferences' is a whole number"),
    ("start_s,end_s\n0,1" + "0" * 400 + "\n", "windows[0]: 'end_s' is a number of seconds"),
    ("start_s,end_s\n,15\n", "windows[0]: 'start_s' is a number of seconds"),
    ("start_s,end_s\n", "holds no windows"),
]


@pytest.mark.parametrize(("form", "message"), BAD_WINDOWS, ids=[message for _, message in BAD_WINDOWS])
def test_bad_windows(tmp_path: Path, form: Any, message: str) -> None:
    """What is no window of the trace is refused with the file, the place and the rule."""
    windows = write_windows(tmp_path, form)
    with pytest.raises(DataError) as caught:
        integrate(write_csv(tmp_path), windows)
    assert str(caught.value).startswith(str(windows))
    assert message in str(caught.value)


@pytest.mark.parametrize(("text", "message"), BAD_WINDOW_TABLES, ids=[message for _, message in BAD_WINDOW_TABLES])
def test_bad_window_tables(tmp_path: Path, text: str, message: str) -> None:
    """A table of windows is read as strictly as a trace."""
    windows = write_windows(tmp_path, text, "windows.csv")
    with pytest.raises(DataError) as caught:
        integrate(write_csv(tmp_path), windows)
    assert str(caught.value).startswith(str(windows))
    assert message in str(caught.value)


def test_a_window_may_lack_its_count(tmp_path: Path) -> None:
    """An empty cell under ``inferences`` is a window whose inferences nobody counted; blanks after commas are none."""
    windows = write_windows(tmp_path, "start_s, stop_s, inferences\n1, 12, 10\n13, 29,\n", "windows.csv")
    first, second = integrate(write_csv(tmp_path), windows)["windows"]
    assert (first["inferences"], second["inferences"]) == (10, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bin_s": 10**400}, "'bin_s' is the width of a bin in seconds, from 1e-09 to 1e+12"),
        ({"bin_s": 1e308}, "'bin_s' is the width of a bin"),
        ({"bin_s": 1e-310}, "'bin_s' is the width of a bin"),
        ({"trace": "../elsewhere.parquet"}, "'trace' names a file beside it"),
        ({"trace": 3}, "'trace' names a file beside it"),
        ({"bin_s": 0}, "'bin_s' is the width of a bin"),
        ({"bin_s": float("nan")}, "'bin_s' is the width of a bin"),
        ({"schema_version": 2}, "schema_version 1"),
        ({"trace": "gone.parquet"}, "gone.parquet: cannot be read"),
        ({"windows": {}}, "'windows' is a list"),
    ],
)
def test_bad_folders(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """A folder's description names a table beside it and nothing outside, and holds what it must."""
    with pytest.raises(DataError, match=re.escape(message)):
        integrate(write_folder(tmp_path, **changes))


def test_other_files(tmp_path: Path) -> None:
    """A folder without a description, a missing file, other kinds of files and broken Parquet are told apart."""
    for path, message in (
        (tmp_path, "trace.json: cannot be read"),
        (tmp_path / "gone.csv", "cannot be read"),
        (write_csv(tmp_path, "x", name="trace.txt"), "a trace is a folder with trace.json, or a .csv or .parquet file"),
        (write_csv(tmp_path, "x", name="trace.parquet"), "is no parquet table"),
    ):
        with pytest.raises(DataError, match=message):
            integrate(path)


PARQUETS = [
    ({"time_s": [0.0, 1.0], "power_w": ["1", "2"]}, "'power_w' is a column of numbers, but holds"),
    ({"time_s": [0.0, 1.0], "power_w": [True, False]}, "'power_w' is a column of numbers, but holds bool"),
    ({"time_s": [0.0, 1.0], "power_w": [1.0, None]}, "row 2: 'power_w' is a number within"),
    ({"time_s": pd.to_datetime([0, 1]), "power_w": [1.0, 2.0]}, "'time_s' is a column of numbers, but holds timestamp"),
    ({"time_s": [0, 1]}, "has no column 'power_w'; there are time_s"),
    ({"time_s": [0, 2**62], "power_w": [1, 2]}, "row 2: 'time_s' is a number within"),
]


@pytest.mark.parametrize(("columns", "message"), PARQUETS, ids=[message for _, message in PARQUETS])
def test_bad_parquet(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    """Parquet is held to the same rules as CSV: columns of numbers, none missing, none beyond all measure."""
    path = tmp_path / "trace.parquet"
    pd.DataFrame(columns).to_parquet(path)
    with pytest.raises(DataError, match=re.escape(message)):
        integrate(path)


def test_whole_numbers_in_parquet(tmp_path: Path) -> None:
    """Columns of integers are numbers too."""
    path = tmp_path / "trace.parquet"
    pd.DataFrame({"time_s": range(31), "power_w": [2] * 31}).to_parquet(path)
    assert integrate(path)["windows"][0]["energy_mj"] == pytest.approx(60e3)


def test_a_meter_of_a_reading(tmp_path: Path) -> None:
    """The documents of ``meters read`` and ``check`` describe their meter; nonsense is named in words about meters."""
    for form in (SPEC, {"spec": SPEC}, {"schema_version": 1, "meter": SPEC, "seconds": 5.0}):
        assert read_meter(write_windows(tmp_path, form)).name == "um25c"
    for form, message in (
        ({"spec": {"name": "x"}}, "describes no meter: .* lacks 'scope'"),
        ({**SPEC, "gian": 1}, "has no 'gian'"),
        (json.dumps(SPEC).replace("0.01", "1" + "0" * 400), "'gain' is a number from 0 to 1e.12"),
        ({**SPEC, "energy_resolution_j": -3}, "'energy_resolution_j' is a number"),
        ([SPEC], "is an object, but got list"),
    ):
        with pytest.raises(DataError, match=message):
            read_meter(write_windows(tmp_path, form))


def test_the_median_of_fit_windows_stands_beside_the_other(tmp_path: Path) -> None:
    """Beside the median over all windows stands that over those that the meter is fit for, where there are any."""
    trace = write_csv(tmp_path)
    good, short = {"start_s": 0, "end_s": 15, "inferences": 100}, {"start_s": 1, "end_s": 2, "inferences": 1}
    found = integrate(trace, write_windows(tmp_path, [good, short]))
    assert found["refused"] == 1
    assert found["median_fit_mj_per_inference"] == found["windows"][0]["mj_per_inference"]
    assert found["median_mj_per_inference"] == pytest.approx(
        sum(one["mj_per_inference"] for one in found["windows"]) / 2
    )
    found = integrate(trace, write_windows(tmp_path, [short, {**short, "inferences": 2}, {**good, "inferences": None}]))
    assert found["refused"] == 2
    assert found["median_fit_mj_per_inference"] is None
    assert found["median_mj_per_inference"] == pytest.approx(0.75 * found["windows"][0]["mj_per_inference"])


def test_an_estimate_says_so(tmp_path: Path) -> None:
    """What the estimate recorded is estimated, everything else measured."""
    trace = write_csv(tmp_path)
    estimate = MeterSpec.from_json({**SPEC, "name": "estimate", "scope": "estimate"})
    assert integrate(trace, meter=estimate)["source"] == "estimated"
    assert integrate(trace, meter=MeterSpec.from_json(SPEC))["source"] == integrate(trace)["source"] == "measured"


@pytest.mark.parametrize("limits", [{}, {"gain": 0.0, "offset_w": 0.0}])
def test_accuracy_that_nobody_stated(tmp_path: Path, limits: dict[str, float]) -> None:
    """A meter without limits of its errors has not stated them, whatever its description says they come from."""
    meter = MeterSpec.from_json({**SPEC, **limits, "accuracy_from": "the data sheet"}) if limits else None
    found = integrate(write_csv(tmp_path), meter=meter)
    assert found["accuracy_from"] == "not stated; the meter's own errors are not in the uncertainty"


NUMBERS = st.one_of(st.floats(), st.floats(-10, 10), st.integers(), st.sampled_from([1e12, -1e12, 5e-324, 10**400]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=30),
    st.lists(st.fixed_dictionaries({"start_s": NUMBERS, "end_s": NUMBERS, "inferences": NUMBERS}), max_size=2),
    st.fixed_dictionaries({name: NUMBERS for name in SPEC if name not in ("name", "scope")}),
    st.sampled_from([None, "windows.json"]),
)
def test_any_numbers_are_integrated_or_refused(
    tmp_path: Path, rows: list[tuple[float, float]], windows: list[Any], limits: dict[str, Any], name: str | None
) -> None:
    """Whatever numbers the files hold: a document of finite figures without a warning, or a DataError."""
    times = sorted(time for time, _ in rows)
    trace = write_csv(
        tmp_path, "time_s,power_w\n" + "".join(f"{t},{p}\n" for t, (_, p) in zip(times, rows, strict=True))
    )
    stated = name and write_windows(tmp_path, windows, name)
    spec = write_windows(tmp_path, {**SPEC, **limits}, "meter.json")
    for meter in (None, spec):
        try:
            found = integrate(trace, stated, None if meter is None else read_meter(meter))
        except DataError:
            continue
        json.dumps(found, allow_nan=False)


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``autoedge power integrate`` as a process of its own."""

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "autoedge_cli.main", "power", "integrate", *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, timeout=240, check=False)

    return call


def test_the_command(tmp_path: Path, command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """JSON goes to standard output or a file, a table with every window to standard output; bad input is exit 2."""
    folder = write_folder(tmp_path)
    printed = command("--trace", folder, "--json")
    assert printed.returncode == 0, printed.stderr
    document = json.loads(printed.stdout)
    assert document["windows"][0]["energy_mj"] == pytest.approx(100.0)
    shown = command("--trace", folder, "--json", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == document
    assert "median 2.5000 mJ per inference" in shown.stdout
    assert "5.000 .. 25.000 s" in shown.stdout
    bad = command("--trace", write_csv(tmp_path, "time_s\n1\n"))
    assert bad.returncode == 2
    assert bad.stderr.startswith("autoedge: ")
    assert "has no column 'power_w'" in bad.stderr
    assert len(bad.stderr.splitlines()) == 1

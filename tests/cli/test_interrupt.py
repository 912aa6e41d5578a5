"""What Ctrl-C ends with: that the work is kept is said by those commands alone that keep it."""

from __future__ import annotations

import pytest

from autoedge_cli.main import cli, run

GOES_ON = "; what was measured is saved: the same command goes on from there"


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["select", "-i", "intent.yaml"], GOES_ON),
        (["power", "calibrate", "--minutes", "5"], GOES_ON),
        (["power", "compare"], ""),
        (["meters", "check", "select"], ""),
        (["soak"], ""),
        ([], ""),
    ],
)
def test_what_an_interrupt_says(
    words: list[str], more: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 130, from a shell and from Python; only a command that goes on from where it was says so."""

    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    assert run(words) == 130
    assert capsys.readouterr().err == f"autoedge: interrupted{more}\n"
    monkeypatch.setattr("sys.argv", ["autoedge", *words])
    assert run() == 130
    assert capsys.readouterr().err == f"autoedge: interrupted{more}\n"

"""The documentation as a site: built strictly, with a reference that comes from the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

import autoedge
from autoedge.metric import METRICS
from autoedge_cli.main import cli

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(out / "trees")]
    done = subprocess.run([*command, str(DOCS), str(out / "html")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_every_page_is_there(site: Path) -> None:
    """No page is left out, none is lost, and links into the repository lead to where it is shown."""
    pages = {page.relative_to(DOCS).with_suffix("") for page in DOCS.rglob("*.md") if "_build" not in page.parts}
    assert all((site / f"{page}.html").is_file() for page in pages)
    assert 'href="https://github.com/autoedge/autoedge/blob/main/examples/ci/gitlab.yml"' in (
        site / "check.html"
    ).read_text(encoding="utf-8")


def test_the_reference_comes_from_the_code(site: Path) -> None:
    """Every command, option and metric is in the reference."""
    text = (site / "cli.html").read_text(encoding="utf-8")
    for name in cli.list_commands(click.Context(cli)):
        assert f'id="autoedge-{name}"' in text
    for name in ("autoedge-meters-check", "cmdoption-autoedge-bundle-deploy-allow-unsigned"):
        assert f'id="{name}"' in text
    metrics = (site / "metrics.html").read_text(encoding="utf-8")
    assert all(metric.key in metrics for metric in METRICS.values())
    api = (site / "api.html").read_text(encoding="utf-8")
    places = {f"{place}.{name}" for name, place in autoedge._EXPORTS.items()}
    assert places
    assert all(f'id="{place}"' in api for place in places)


def test_what_needs_hardware_says_so(site: Path) -> None:
    """A block of commands that cannot be run without a device says so to readers."""
    assert "Needs the device" in (site / "raspberry-pi.html").read_text(encoding="utf-8")
    assert "Needs the device" not in (site / "tutorial.html").read_text(encoding="utf-8")

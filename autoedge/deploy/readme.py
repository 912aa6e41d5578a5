"""The bundle's README: what it is, what was measured, what it proves, how to run it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from autoedge.measurement import Source
from autoedge.metric import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autoedge.deploy.bundle import BundleSpec
    from autoedge.measurement import Value

_MARKUP = re.compile(r"[\\`*_{}\[\]<>|~#&!]")
_FIRST_LINE = {
    "met": "It meets every constraint of its intent.",
    "not met": "**It does not meet its intent:** at least one constraint is broken, see the verdict below.",
    "undecided": "**It is undecided whether it meets its intent:** at least one constraint is open, see below.",
}

_PAGE = """\
# {title}

{first_line}

{about}

## Figures

{processes} on {cpu} ({os}), protocol {protocol}, runtime {runtime} {version}{flags}.

| metric | value | 95 % interval | source | how |
|---|---|---|---|---|
{figures}
{estimates}
## Verdict: {outcome}

| constraint | outcome | slack | note |
|---|---|---|---|
{decisions}

## Run it

It needs Python 3.9 or later, as far as {runtime} {version} is made for it, and nothing of AutoEdge:

```
pip install -r requirements.txt
python run.py --input x.npz
```

`x.npz` holds {inputs}; the first axis is samples. `--output y.npz` writes the answers to a file, `--json` prints them.
From Python, with this folder on the path: `from run import load; predict = load(); predict({{"x": array}})`.

## Check it

`autoedge bundle verify .` compares every file with its hash in `bundle.json` and measures the model again. With the
evaluation data it checks the accuracy too. `bundle_parts` is the part of AutoEdge that fed and ran the model when it
was measured (Apache License 2.0).
"""


def readme(spec: BundleSpec) -> str:
    """The text for a bundle; whatever came from outside is escaped for Markdown."""
    configuration, result, device = spec.candidate.configuration, spec.result, spec.device
    count = result.n_processes
    estimated = any(value.source is Source.ESTIMATED for value in result.metrics.values())
    return _PAGE.format(
        title=_plain(f"{configuration.model} for {spec.candidate.target}"),
        first_line=_FIRST_LINE[spec.verdict["outcome"]],
        about=_about(spec),
        processes=f"From {count} fresh process{'es' if count > 1 else ''}",
        cpu=_plain(device.cpu),
        os=_plain(device.os),
        protocol=_plain(spec.protocol.name),
        runtime=_plain(configuration.runtime),
        version=_plain(spec.runtime_version),
        flags=f"; flags: {_plain(', '.join(sorted(result.flags)))}" if result.flags else "",
        figures="\n".join(_figures(result.metrics)),
        estimates="\nEstimates are no measurements; their interval is the band of the estimate.\n" if estimated else "",
        outcome=spec.verdict["outcome"],
        decisions="\n".join(_decision(decision) for decision in spec.verdict["decisions"]) or "| none | | | |",
        inputs=_inputs(spec),
    )


def _about(spec: BundleSpec) -> str:
    configuration = spec.candidate.configuration
    settings = {**configuration.recipe, **configuration.knobs}
    chosen = ", ".join(f"{_plain(name)} {_plain(value)}" for name, value in sorted(settings.items()))
    made_by = ", ".join(f"{_plain(name)} {_plain(version)}" for name, version in sorted(spec.tools.items()))
    return (
        f"Candidate {_plain(spec.candidate.candidate_id)}: {_plain(configuration.model)} with {chosen}. "
        f"Made by {made_by or 'AutoEdge'}; `bundle.json` holds everything below in full."
    )


def _figures(metrics: Mapping[str, Value]) -> Iterator[str]:
    for metric in METRICS.values():
        if metric.key in metrics:
            value = metrics[metric.key]
            unit = f" {metric.unit}" if metric.unit else ""
            interval = f"{value.low:.4g} to {value.high:.4g}"
            source = f"**{value.source}**" if value.source is Source.ESTIMATED else value.source.value
            how = _plain(value.estimator)
            yield f"| {_plain(metric.name)} | {value.value:.4g}{unit} | {interval} | {source} | {how} |"


def _decision(decision: Mapping[str, Any]) -> str:
    slack = decision.get("slack")
    room = f"{slack:+.3g}" if isinstance(slack, int | float) else ""
    return (
        f"| {_plain(decision['constraint'])} | {decision['outcome']} | {room} | {_plain(decision.get('note') or '')} |"
    )


def _inputs(spec: BundleSpec) -> str:
    forms = [
        (tensor.name, "(" + ", ".join(str(dim or "?") for dim in ("N", *tensor.shape[1:])) + ")")
        for tensor in spec.inputs
    ]
    if len(forms) == 1:
        return f"`x` of shape {_plain(forms[0][1])}"
    return "one array for each input: " + ", ".join(f"{_plain(name)} {_plain(shape)}" for name, shape in forms)


def _plain(value: object) -> str:
    """Text on one line that Markdown shows as it is."""
    line = "".join(char if char.isprintable() else " " for char in str(value))
    return _MARKUP.sub(r"\\\g<0>", line)

"""What a run would do, before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from autoedge.space.columns import INACTIVE
from autoedge_cli.render_configuration import level
from autoedge_cli.render_figures import NONE, duration, number, plural
from autoedge_cli.render_run import render_left_out
from autoedge_cli.render_text import heading, pairs, said, say, show, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from autoedge.workflows.plan import Plan


def render_plan(console: Console, plan: Plan) -> None:
    """Print the space, what is left out of it, and what measuring it would take."""
    runtimes = list(dict.fromkeys(str(row["runtime"]) for row in plan.by_model))
    title = Text.assemble(("Space", "bold"), f"  {plural(plan.candidates, 'candidate')}")
    if plan.all_candidates > plan.candidates:
        out = plan.all_candidates - plan.candidates
        title.append(f" of {plan.all_candidates}, {out} screened out unmeasured")
    where = [runtimes[0]] if len(runtimes) == 1 else []
    where += [plural(len(plan.targets), "target")] if len(plan.targets) > 1 else []
    console.print(title.append_text(said(f"  on {', '.join(where)}", "dim")) if where else title)
    show(console, _counts(plan, several=len(runtimes) > 1))
    _knobs(console, plan)
    render_left_out(console, plan.left_out)
    _measuring(console, plan)


def _counts(plan: Plan, *, several: bool) -> Table:
    """Models by precision; where there are several targets or runtimes, a row for each."""
    precisions = list(dict.fromkeys(level(row.get("precision")) for row in plan.by_model))
    cells: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in plan.by_model:
        place = str(row.get("target", plan.targets[0]))
        counts = cells.setdefault((str(row["model"]), place, str(row["runtime"])), {})
        precision = level(row.get("precision"))
        counts[precision] = counts.get(precision, 0) + int(row["candidates"])
    made = table()
    made.show_footer = len(cells) > 1
    made.add_column("model", "all")
    wanted = {"target": len(plan.targets) > 1, "runtime": several}
    for name in (name for name, shown in wanted.items() if shown):
        made.add_column(name)
    for precision in precisions:
        total = sum(counts.get(precision, 0) for counts in cells.values())
        made.add_column(said(precision), str(total), justify="right")
    made.add_column("all", str(plan.candidates), justify="right", style="bold")
    made.add_column("one call", justify="right")
    for (model, place, runtime), counts in cells.items():
        numbers = [str(counts[precision]) if precision in counts else NONE for precision in precisions]
        call = plan.call_ms.get(place, {}).get(model)
        probed = NONE if call is None else f"{number(call)} ms"
        about = {"target": said(place, limit=24), "runtime": said(runtime)}
        told = [about[name] for name, shown in wanted.items() if shown]
        made.add_row(said(model, limit=32), *told, *numbers, str(sum(counts.values())), probed)
    return made


def _knobs(console: Console, plan: Plan) -> None:
    heading(console, "Knobs")
    rows = [
        (name, Text("  ").join(said(level(one), limit=40) for one in levels if one != INACTIVE))
        for name, levels in plan.knobs.items()
        if name not in ("model", "target") and set(levels) - {INACTIVE}
    ]
    show(console, pairs(rows))


def _measuring(console: Console, plan: Plan) -> None:
    heading(console, "Measuring")
    search = plan.measurements - plan.baselines - plan.reserve
    parts = [f"{plan.baselines} for baselines", f"{max(search, 0)} to search", f"{plan.reserve} kept to confirm"]
    say(console, Text(f"{plural(plan.measurements, 'measurement')}: {', '.join(parts)}"))
    if search <= 0:
        need = plan.baselines + plan.reserve
        say(console, Text(f"warning: nothing is left to search; give more than {need} measurements", style="yellow"))
    if plan.expected_s is None:
        say(console, Text("expected time unknown: no model could be probed", style="yellow"))
        return
    say(console, Text(f"about {duration(plan.expected_s)} in all"))
    if plan.out_of_budget:
        say(
            console, Text("warning: the time budget ends it earlier; raise budget.time or expect fewer", style="yellow")
        )

"""Write an intent with every default filled in, so that reading it back gives an equal intent."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from autoedge.intent.constraint import default_decide, parts
from autoedge.intent.resolved import COUNTED

if TYPE_CHECKING:
    from autoedge.intent.constraint import Constraint
    from autoedge.intent.inputs import InputSpec
    from autoedge.intent.operation import Carbon, Fleet
    from autoedge.intent.resolved import Intent, Preference


def dump_resolved(intent: Intent) -> str:
    """The intent as canonical YAML: absolute paths, canonical units, nothing left to a default."""
    from ruamel.yaml import YAML

    yaml = YAML(pure=True)
    yaml.allow_unicode = False  # escapes read back to what they were, not all characters do
    yaml.width = 1 << 20  # folded lines would be harder to compare
    text = io.StringIO()
    yaml.dump(_document(intent), text)
    return text.getvalue()


def _document(intent: Intent) -> dict[str, Any]:
    search, protocol = intent.search, intent.protocol
    document: dict[str, Any] = {
        "version": 1,
        "name": intent.name,
        "task": _task(intent),
        "models": [{"path": str(model.path), "name": model.name} for model in intent.models],
        "data": {
            "evaluation": intent.data.evaluation and str(intent.data.evaluation),
            "calibration": intent.data.calibration and str(intent.data.calibration),
            "annotations": intent.data.annotations and str(intent.data.annotations),
        },
        "inputs": {spec.name: _input(spec) for spec in intent.inputs},
        "targets": [
            {"name": target.address or target.name, "idle_power": _amount(target.idle_power, "W")}
            for target in intent.targets
        ],
        "baseline": intent.baseline,
        "constraints": [_constraint(constraint) for constraint in intent.constraints],
        "objectives": [metric.name for metric in intent.objectives],
        "prefer": _preference(intent.prefer),
        "workload": {"rate": _amount(intent.rate, "/ s")},
        "battery": None if intent.battery_wh is None else {"capacity": _amount(intent.battery_wh, "Wh"), "usable": 1.0},
        "carbon": _carbon(intent.carbon),
        "fleet": _fleet(intent.fleet),
        "budget": {
            "measurements": intent.budget.measurements,
            "time": _amount(intent.budget.time_s, "s"),
            "reserve": intent.budget.reserve,
        },
        "limits": {"time": _amount(intent.limits.time_s, "s"), "memory": _amount(intent.limits.memory_mib, "MiB")},
        "search": {
            "space": search.space[0] if len(search.space) == 1 else list(search.space),
            "strategy": search.strategy,
            "seed": search.seed,
            "knobs": {name: list(values) for name, values in search.knobs.items()},
            "racing": search.racing,
            "surrogate": search.surrogate,
            "history": list(search.history) or None,
        },
        "protocol": {"preset": protocol.preset, **dict(sorted(protocol.overrides.items()))},
        "outputs": _outputs(intent),
        "lossy": "allow" if intent.lossy else None,
        "trust": intent.trust,
    }
    filled = {key: _without_none(value) for key, value in document.items()}
    return {key: value for key, value in filled.items() if value is not None and value != {}}


def _task(intent: Intent) -> dict[str, Any]:
    options = intent.task_options
    custom = {"metric": options.metric, "direction": options.direction} if intent.task == "custom" else {}
    return {"type": intent.task, "top_k": list(options.top_k) or None, **custom}


def _outputs(intent: Intent) -> dict[str, str | None]:
    options, counted = intent.task_options, {COUNTED[intent.task]: intent.scores}
    if intent.task != "detection":
        return counted
    names = ("boxes", "classes", "box_format", "box_units", "class_numbers")
    return {**counted, **{name: getattr(options, name) for name in names}}


def _input(spec: InputSpec) -> dict[str, Any]:
    """What there is to say of an input; empty lists are what is not said."""
    form = {key: value for key, value in spec.to_json().items() if key not in {"name", "kind"} and value != []}
    return form | ({} if spec.padding is None else {"padding": {"colour": spec.padding}})


def _carbon(carbon: Carbon | None) -> dict[str, str | None] | None:
    if carbon is None:
        return None
    return {
        "intensity": _amount(carbon.intensity_g_per_kwh, "g / kWh"),
        "embodied": _amount(carbon.embodied_kg, "kg"),
        "lifetime": _amount(carbon.lifetime_years, "years"),
    }


def _fleet(fleet: Fleet | None) -> dict[str, int | str | None] | None:
    if fleet is None:
        return None
    return {
        "devices": fleet.devices,
        "battery_replacement_cost": _amount(fleet.battery_replacement_cost, fleet.currency),
        "electricity_price": _amount(fleet.electricity_price, f"{fleet.currency} / kWh"),
    }


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def _amount(number: float | None, unit: str) -> str | None:
    """Digits that read back to the very same number."""
    return None if number is None else f"{repr(number).removesuffix('.0')} {unit}"


def _constraint(constraint: Constraint) -> str | dict[str, str]:
    if constraint.source is None and constraint.decide == default_decide(constraint.metric):
        return constraint.text
    metric, sense, limit = parts(constraint)
    form = {"metric": metric, sense: limit, "decide": constraint.decide}
    return form | ({"source": str(constraint.source)} if constraint.source else {})


def _preference(preference: Preference) -> str | dict[str, Any]:
    if preference.kind == "lexicographic":
        return {"lexicographic": list(preference.order)}
    return dict(preference.weights) if preference.kind == "weights" else "knee"

"""Documents whose JSON Schema can be had, by name; a type is imported when its schema is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DOCUMENTS = {
    "verdict": "verdict:Verdict",
    "front": "front:Front",
    "candidate": "candidate:Candidate",
    "report": "report:Report",
    "plan": "plan:Plan",
    "soak": "soak:Soak",
    "check": "check:Check",
    "validation": "validation:Validation",
    "replay": "replay:Replay",
    "retraining": "retraining:Retraining",
    "prediction": "prediction:Prediction",
    "evaluation": "evaluation:Evaluation",
    "campaign-export": "campaign_export:ExportedCampaign",
    "campaign-import": "campaign_import:ImportedCampaign",
    "campaign-show": "campaign_show:ShownCampaign",
    "measurements-export": "measurements_export:ExportedMeasurements",
    "mlflow-export": "mlflow_export:ExportedToMlflow",
    "meters": "meters:Meters",
    "meter-reading": "meter_reading:MeterReading",
    "meter-check": "meter_check:MeterCheck",
    "targets": "targets:Targets",
    "target": "target:ProbedTarget",
    "target-setup": "target_setup:TargetSetup",
    "energy": "energy:Energy",
    "calibration": "calibration:Calibration",
    "power-comparison": "power_comparison:PowerComparison",
    "verification": "verification:Verification",
    "answers": "answers:Answers",
    "difference": "difference:Difference",
    "deployment": "deployment:Deployment",
    "compression": "compression:Compression",
    "compression-record": "compression:CompressionRecord",
    "power-model": "calibration:StoredCalibration",
}
_FILES = {
    "bundle": ("autoedge.deploy.manifest:Manifest", "What a bundle deploys, and its record; bundle.json."),
    "signature": ("autoedge.deploy.forms:SignatureForm", "Who vouches for a bundle; NAME.sig."),
    "delta": ("autoedge.deploy.forms:DeltaForm", "What a delta pack was made against; delta.json."),
    "campaign": ("autoedge.campaign.card:Card", "What the columns of a campaign mean; campaign.json."),
    "surrogate": ("autoedge.surrogate.saved.card:SurrogateCard", "What a saved surrogate is and knows; card.json."),
    "exam": ("autoedge.surrogate.saved.exam:Exam", "Rows that saved surrogates are judged on; exam.json."),
}
SCHEMAS = ("intent", *_DOCUMENTS, *_FILES)
"""Names, in the order in which they are listed."""


def about(name: str) -> str:
    """What a document is, in one line."""
    return _FILES[name][1] if name in _FILES else str(schema_of(name)["description"]).splitlines()[0]


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document, by one of the names in ``SCHEMAS``."""
    if name == "intent":
        from autoedge.intent.schema import json_schema as of_intents

        return of_intents()
    from autoedge.documents.form import json_schema

    place = _FILES[name][0] if name in _FILES else f"autoedge.documents.{_DOCUMENTS[name]}"
    module, _, kind = place.partition(":")
    return json_schema(getattr(import_module(module), kind), name)

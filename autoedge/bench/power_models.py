"""Calibrated power models on disk, one file a device, and which model a device's power is estimated with."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.bench.board_power import board_power
from autoedge.bench.energy_estimate import PowerModel
from autoedge.bench.loads import LoadPower
from autoedge.bench.power_fit import FittedPower
from autoedge.errors import DataError
from autoedge.meters.spec import MeterSpec
from autoedge.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.device import Device

SCHEMA_VERSION = 1


def models_folder() -> Path:
    """Where power models are kept: ``AUTOEDGE_POWER_MODELS``, or ``power`` in the user's data folder."""
    from platformdirs import user_data_path

    named = os.environ.get("AUTOEDGE_POWER_MODELS")
    return Path(named) if named else user_data_path("autoedge") / "power"


@dataclass(frozen=True)
class Calibration:
    """A device's loads under a meter, and the model fitted to them.

    Attributes:
        fingerprint: Of the device.
        cpu: Of the device, for people.
        meter: What was measured with.
        started: Seconds since the epoch.
        loads: What the meter said, in the order of measuring.
        model: Fitted to them; None while loads are still to come.
    """

    fingerprint: str
    cpu: str
    meter: MeterSpec
    started: float
    loads: Sequence[LoadPower] = ()
    model: FittedPower | None = None

    def save(self) -> Path:
        """Write it, whole or not at all; an unfinished one lies beside the finished one, which ends it."""
        folder = models_folder()
        folder.mkdir(parents=True, exist_ok=True)
        form = {
            "schema_version": SCHEMA_VERSION,
            "fingerprint": self.fingerprint,
            "cpu": self.cpu,
            "meter": self.meter.to_json(),
            "started": self.started,
            "loads": [one.to_json() for one in self.loads],
            "model": None if self.model is None else self.model.to_json(),
        }
        path = _path(self.fingerprint, finished=self.model is not None)
        write_whole(path, json.dumps(form, indent=1) + "\n")
        if self.model is not None:
            with suppress(FileNotFoundError):
                _path(self.fingerprint, finished=False).unlink()
        return path


def read_calibration(fingerprint: str, *, finished: bool = True) -> Calibration | None:
    """What is stored of a device; None where nothing is.

    Args:
        fingerprint: Of the device.
        finished: The calibration in force, else the one that was interrupted.

    Raises:
        DataError: The file holds something else; says what to do.
    """
    path = _path(fingerprint, finished=finished)
    try:
        form = json.loads(path.read_text(encoding="utf-8"))
        version = form["schema_version"]
        if version != SCHEMA_VERSION:
            raise DataError(f"{path}: has schema_version {version}, this AutoEdge reads {SCHEMA_VERSION}: {_AGAIN}")
        found = _calibration(form)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: is no power model ({error}): {_AGAIN}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if found.fingerprint != fingerprint:
        raise DataError(f"{path}: is of another device, {found.fingerprint}: {_AGAIN}")
    return found


_AGAIN = "delete it, and calibrate again with `autoedge power calibrate`"


def _calibration(form: Mapping[str, Any]) -> Calibration:
    return Calibration(
        fingerprint=str(form["fingerprint"]),
        cpu=str(form["cpu"]),
        meter=MeterSpec.from_json(form["meter"]),
        started=float(form["started"]),
        loads=[LoadPower.from_json(one) for one in form["loads"]],
        model=None if form["model"] is None else FittedPower.from_json(form["model"]),
    )


def _path(fingerprint: str, *, finished: bool) -> Path:
    return models_folder() / f"{fingerprint}{'' if finished else '.unfinished'}.json"


def calibrated(device: Device) -> FittedPower | None:
    """The model that a device was calibrated to have; None where it was not.

    Raises:
        DataError: What is stored of it is damaged.
    """
    stored = read_calibration(device.fingerprint)
    return None if stored is None else stored.model


def estimate_for(device: Device, idle_w: float | None, fitted: FittedPower | None) -> PowerEstimate:
    """What a device's power is estimated with: its calibration, else what is known of its kind, else generic constants.

    Args:
        device: Which.
        idle_w: Its power at idle as the user states it; a calibration knows better.
        fitted: Its calibration, where there is one.
    """
    return fitted or board_power(device.cpu, idle_w) or PowerModel.generic(device.arch, idle_w)


def shown(estimate: PowerEstimate) -> dict[str, Any]:
    """A model in a document: its id, where it comes from, and its band as a fraction."""
    fitted = asdict(estimate) if isinstance(estimate, FittedPower) else {}
    return {"id": estimate.model_id, "origin": estimate.origin, "band": estimate.band, **fitted}

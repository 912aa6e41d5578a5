"""``autoedge bundle deploy``: bring a bundle to a device, see that it runs there, and let it serve."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.deploy.bundle import MANIFEST
from autoedge.deploy.opened import opened
from autoedge.deploy.signature import signature_of
from autoedge.errors import BundleError, TargetError
from autoedge.workflows.bundled import check_model, check_runtime, inputs_of
from autoedge.workflows.connecting import connected
from autoedge.workflows.events import Note, StageBegan, silent
from autoedge.workflows.folder import RunFolder, cache_root
from autoedge.workflows.targets import known_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoedge.deploy.read import Bundle
    from autoedge.deploy.signature import Signed
    from autoedge.targets.base import Target
    from autoedge.targets.declaration import DeclaredTarget
    from autoedge.targets.deployed import Deployed, Slot
    from autoedge.workflows.events import Listener

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_OWN = re.compile(
    r"^name: *(['\"]?)([a-z0-9][a-z0-9._-]{0,63})\1 *$", re.MULTILINE
)  # as the bundle's intent is written
_CALLS = 5
_LONGEST_S = 600.0
_SHARE_OF_MEMORY = 0.8
# A few calls: that the answers come is all that counts here.
_FEW = {
    **dict.fromkeys(("warmup_seconds", "warmup_cap_seconds", "block_seconds", "latency_seconds", "cap_seconds"), 0.0),
    **dict.fromkeys(("warmup_calls", "block_calls"), 1),
    "latency_calls": _CALLS,
    "cap_seconds": _LONGEST_S,
    "block_tolerance": 1.0,
}


@dataclass(frozen=True)
class Deployment:
    """What is deployed on a device under one name.

    Attributes:
        name: Of the deployment.
        target: Of the device.
        bundle: SHA-256 of the ``bundle.json`` that was asked about.
        state: The slots, as the device tells them.
        done: What was done, in a word or two.
    """

    name: str
    target: str
    bundle: str
    state: Deployed
    done: str

    @property
    def serves(self) -> bool:
        """Whether the bundle that was asked about serves, whole."""
        serving = self.state.serving
        return serving is not None and serving.whole and serving.bundle == self.bundle

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema_version": 1,
            "name": self.name,
            "target": self.target,
            "done": self.done,
            "bundle": self.bundle,
            "serves": self.serves,
            "folder": self.state.folder,
            "current": self.state.current,
            "slots": {name: slot.plain() for name, slot in self.state.slots.items()},
        }


@dataclass(frozen=True)
class Consent:
    """What the user accepts beyond what is safe.

    Attributes:
        unsigned: A bundle that no trusted key has signed.
        downgrade: One that was signed before what serves.
    """

    unsigned: bool = False
    downgrade: bool = False


def deploy(
    path: Path,
    *,
    target: str,
    targets: Path | None = None,
    name: str | None = None,
    signature: Path | None = None,
    consent: Consent = Consent(),
    on_event: Listener = silent,
) -> Deployment:
    """Let a bundle serve on a device.

    It goes to the slot that does not serve, is checked there by its hashes and a few inferences, and takes over by one
    rename. A few inferences more, from where it now serves; where they fail, what served before serves again. What
    serves is never written to, so that a stop at any moment leaves the old or the new bundle, whole.

    Args:
        path: The bundle's folder or archive.
        target: Name or address of the device.
        targets: Where targets are declared.
        name: Of the deployment; by default that of the intent that the bundle was chosen by.
        signature: Its file, where it does not lie beside the bundle.
        consent: What is accepted beyond what is safe.
        on_event: Told what happens.

    Raises:
        BundleError: The bundle is altered, not signed by a trusted key, older than what serves, or does not run there.
        TargetError: The device cannot be reached, lacks the runtime, or fails.
        StoreError: Its archive cannot be unpacked here.
    """
    with _opened(path, name) as (bundle, called):
        signed = signature_of(path, bundle.sha256, signature)
        if signed is None and not consent.unsigned:
            raise BundleError(
                f"{path}: is not signed: sign it (`autoedge bundle keygen` makes a key, `autoedge bundle sign` signs), "
                "or accept it with --allow-unsigned"
            )
        check_model(bundle)
        found = known_target(target, targets)
        on_event(StageBegan("deploy", f"reaching {found.name}"))
        with _reached(found) as reached:
            device = _Device(reached, _folder(found), called, bundle, on_event)
            return Deployment(called, found.name, bundle.sha256, *device.take_over(signed, consent))


def deployment(path: Path, *, target: str, targets: Path | None = None, name: str | None = None) -> Deployment:
    """What serves on a device, and whether it is this bundle.

    Raises:
        BundleError: The bundle is altered or has no name.
        TargetError: The device cannot be reached.
    """
    with _opened(path, name) as (bundle, called):
        found = known_target(target, targets)
        with _reached(found) as reached:
            state = reached.deployed(_folder(found), called)
            return Deployment(called, found.name, bundle.sha256, state, "looked")


def roll_back(path: Path, *, target: str, targets: Path | None = None, name: str | None = None) -> Deployment:
    """Let what served before serve again; a bundle names the deployment.

    Raises:
        BundleError: There is nothing whole to go back to.
        TargetError: The device cannot be reached.
    """
    with _opened(path, name) as (bundle, called):
        found = known_target(target, targets)
        with _reached(found) as reached:
            state = reached.deployed(_folder(found), called)
            if state.current is None or state.spare is None:
                raise BundleError(f"target '{found.name}': has nothing whole to go back to under '{called}'")
            ends = {"bundle": state.slots[state.spare].bundle, "instead_of": _hash(state.serving)}
            state = reached.deployed(_folder(found), called, act="switch", slot=state.spare, **ends)
            return Deployment(called, found.name, bundle.sha256, state, "rolled back")


@contextmanager
def _opened(path: Path, name: str | None) -> Iterator[tuple[Bundle, str]]:
    """A bundle and the name of its deployment."""
    with opened(path) as bundle:
        own = _OWN.search(bundle.intent)
        called = name or (own[2] if own else "")
        if not _NAME.fullmatch(called):
            raise BundleError(f"{path}: its deployment has no name that can be used: give one with --name")
        yield bundle, called


@contextmanager
def _reached(found: DeclaredTarget) -> Iterator[Target]:
    with (
        tempfile.TemporaryDirectory(prefix="autoedge-deploy-") as place,
        connected([found], RunFolder(Path(place)), cache_root() / "blobs") as (targets, _),
    ):
        yield targets[found.name]


def _folder(found: DeclaredTarget) -> str:
    """Where deployments lie: below the target's folder, and on this machine among the user's data."""
    if found.address is not None:
        return f"{found.folder}/deployed"
    from platformdirs import user_data_path

    return os.environ.get("AUTOEDGE_DEPLOYED") or str(user_data_path("autoedge") / "deployed")


class _Device:
    """A device that a bundle is brought to."""

    def __init__(self, target: Target, folder: str, name: str, bundle: Bundle, listener: Listener) -> None:
        if target.device is None:
            raise TargetError(f"target '{target.name}' was never probed")
        check_runtime(bundle, target.device, target.name)
        self._target, self._folder, self._name = target, folder, name
        self._bundle, self._tell, self._device = bundle, listener, target.device

    def take_over(self, signed: Signed | None, consent: Consent) -> tuple[Deployed, str]:
        """Bring the bundle there and let it serve."""
        before = self._target.deployed(self._folder, self._name)
        serving = before.serving
        _refuse_older(signed, serving, consent)
        said = self._said(signed)
        if serving is not None and serving.whole and serving.proven and serving.bundle == self._bundle.sha256:
            if signed is not None:  # it may have been signed since
                before = self._say(str(before.current), {**said, "proven": True})
            return before, "serves already"
        self._note_version()
        slot = self._fill(said)
        self._tell(StageBegan("deploy", f"{_CALLS} inferences from slot {slot}"))
        reason = self._why_not(slot)
        if reason:
            kept = "what served before serves on" if before.current else "nothing serves"
            raise BundleError(f"{self._bundle.folder.name}: does not run on '{self._target.name}', {kept}: {reason}")
        try:
            self._switch(slot, self._bundle.sha256, _hash(serving))
            self._tell(StageBegan("deploy", f"slot {slot} serves; {_CALLS} inferences more"))
            reason = self._why_not(slot)
            now = self._target.deployed(self._folder, self._name)
            if not reason and (now.current != slot or now.serving is None or not now.serving.whole):
                reason = "its files are not what was bundled"
            if not reason and _hash(now.serving) != self._bundle.sha256:
                reason = "another deployment came between"
        except (TargetError, KeyboardInterrupt) as error:
            self._back(before, slot, str(error) or "interrupted")
            raise
        if reason:
            raise self._back(before, slot, reason)
        return self._say(slot, {**said, "proven": True}), "deployed"

    def _back(self, before: Deployed, slot: str, reason: str) -> BundleError:
        """Let what served before serve again where the new one does now; what is to be said of it."""
        words = f"{self._bundle.folder.name}: failed once it served on '{self._target.name}': {reason}"
        if before.current is None or before.serving is None or not before.serving.whole:
            return BundleError(f"{words}; nothing whole served before, so it still does: deploy another one")
        try:
            now = self._target.deployed(self._folder, self._name)
            if now.current == slot and _hash(now.serving) == self._bundle.sha256:
                self._switch(str(before.current), before.serving.bundle, self._bundle.sha256)
        except TargetError as error:
            told = (
                f"{words}; whether it still serves is not known ({error}): look with --status, go back with --rollback"
            )
            self._tell(Note(told, warning=True))
            return BundleError(told)
        self._tell(Note(f"{words}; what served before serves again", warning=True))
        return BundleError(f"{words}; what served before serves again")

    def _switch(self, slot: str, bundle: str, instead_of: str) -> None:
        act = {"act": "switch", "slot": slot, "bundle": bundle, "instead_of": instead_of}
        self._target.deployed(self._folder, self._name, **act)

    def _say(self, slot: str, said: dict[str, Any]) -> Deployed:
        said = {**said, "bundle": self._bundle.sha256}
        return self._target.deployed(self._folder, self._name, act="say", slot=slot, said=said)

    def _said(self, signed: Signed | None) -> dict[str, Any]:
        return {} if signed is None else {"signed_at": signed.signed_at, "key": signed.key_id}

    def _note_version(self) -> None:
        """Versions are this AutoEdge's and the device's business; what the bundle says is only told."""
        runtime = self._bundle.candidate.configuration.runtime
        there = self._device.runtimes[runtime]
        if there != self._bundle.runtime_version:
            measured = self._bundle.runtime_version
            self._tell(Note(f"it was measured with {runtime} {measured}, and the device has {there}", warning=True))

    def _fill(self, said: dict[str, Any]) -> str:
        bundle = self._bundle
        files = {**bundle.files, MANIFEST: bundle.sha256}
        self._tell(StageBegan("deploy", f"sending {len(files)} files, as far as they are not there"))
        self._target.send_files({sha256: bundle.folder / place for place, sha256 in files.items()})
        return self._target.fill_slot(self._folder, self._name, files, said)

    def _why_not(self, slot: str) -> str:
        """Why a slot's model does not answer; empty where it does."""
        reply = self._target.run(self._job(slot), {})
        return str(reply.body.get("failed", "")) or ("" if "done" in reply.body else "it was cancelled")

    def _job(self, slot: str) -> dict[str, Any]:
        configuration, inputs = self._bundle.candidate.configuration, inputs_of(self._bundle, None, None)
        taken = inputs.knob_names | {"batch"}
        return {
            "runtime": configuration.runtime,
            "model": self._bundle.model_hash,
            "deployed": {
                "folder": self._folder,
                "name": self._name,
                "slot": slot,
                "place": self._bundle.model_name,
            },
            "data": None,
            "knobs": {name: value for name, value in configuration.knobs.items() if name not in taken},
            "inputs": inputs.forms(configuration.knobs),
            "shapes": inputs.shapes(configuration.knobs, configuration.batch),
            "batch": configuration.batch,
            "seed": 0,
            "scores": self._bundle.scores,
            "shaped": False,
            "evaluate": "no",
            "tolerance": 0.0,
            "protocol": _FEW,
            "limits": {"time_s": _LONGEST_S, "memory_mib": self._device.memory_mib * _SHARE_OF_MEMORY},
            "key": {},
        }


def _hash(slot: Slot | None) -> str:
    """What a slot's bundle goes by; empty without one."""
    return "" if slot is None else slot.bundle


def _refuse_older(signed: Signed | None, serving: Slot | None, consent: Consent) -> None:
    """Whoever holds an old signed bundle must not bring back its flaws."""
    if signed is None or serving is None or serving.signed_at is None or consent.downgrade:
        return
    if signed.signed_at < serving.signed_at:
        raise BundleError(
            f"the bundle was signed {serving.signed_at - signed.signed_at} s before the one that serves; "
            "accept an older one with --downgrade"
        )

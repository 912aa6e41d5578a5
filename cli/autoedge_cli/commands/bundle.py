"""autoedge bundle build | verify | run | pack | unpack | diff | sign | keygen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from autoedge_cli.commands.bundle_deploy import deploy
from autoedge_cli.completing import run_folders
from autoedge_cli.options import json_option, trust_option, write_json

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_DATA = click.Path(path_type=Path)
_BUNDLE = click.Path(path_type=Path)  # a folder or an archive
_EXIT_CODES = {"ok": 0, "outside": 1, "undecided": 4}


@click.group("bundle")
def command() -> None:
    """Build, verify, run, pack, sign, compare and deploy bundles."""


@command.command("build")
@click.argument("run", type=_FOLDER, shell_complete=run_folders)
@click.option("--candidate", required=True, metavar="ID", help="A measured candidate (or the beginning of its id).")
@click.option("--out", type=_FOLDER, help="The bundle's folder (default: bundle-ID in the run folder).")
@trust_option
def build(run: Path, candidate: str, out: Path | None, trust: tuple[Path, ...]) -> int:
    """Build a bundle for another measured candidate of a run, labelled by its own verdict."""
    from autoedge.workflows.building import build_stored

    click.echo(f"wrote {build_stored(run, candidate, out, trust=trust)}")
    return 0


@command.command("verify")
@click.argument("bundle", type=_BUNDLE)
@click.option("--data", type=_DATA, help="The evaluation data, to check the accuracy too.")
@click.option("--processes", type=click.IntRange(min=2, max=100), default=6, show_default=True)
@click.option("--signature", type=_FILE, help="Its signature (default: NAME.sig beside it, where there is one).")
@json_option
def verify(bundle: Path, data: Path | None, processes: int, signature: Path | None, json_file: str | None) -> int:
    """Check a bundle's hashes and signature, and measure it again against its recorded intervals.

    BUNDLE is a folder or an archive. A signature must be of one of your trusted keys.
    """
    from autoedge.workflows.bundle import verify_bundle
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console
    from autoedge_cli.render_bundle import render_verification

    with Progress() as progress:
        verification = verify_bundle(bundle, data=data, on_event=progress, processes=processes, signature=signature)
    if json_file is not None:
        write_json(verification.plain(), json_file)
    if json_file != "-":
        render_verification(console(), verification)
    return _EXIT_CODES[verification.outcome]


@command.command("run")
@click.argument("bundle", type=_FOLDER)
@click.option("--input", "data", required=True, type=_DATA, help="Samples: npz, an image, a folder or CSV of images.")
@click.option("--output", type=_FILE, help="Write the answers here (npz).")
@json_option
def run(bundle: Path, data: Path, output: Path | None, json_file: str | None) -> int:
    """Run samples through a bundle with AutoEdge's own agent; nothing of the bundle is executed."""
    from autoedge.workflows.bundle import run_bundle
    from autoedge_cli.render_text import printable

    outputs = run_bundle(bundle, data)
    if output is not None:
        import numpy as np

        np.savez(output, **outputs)  # type: ignore[arg-type]  # its stubs take the keywords for flags
    if json_file is not None:
        write_json({"schema_version": 1, **{name: array.tolist() for name, array in outputs.items()}}, json_file)
    if json_file != "-" and "classes" not in outputs:
        for output_name, array in outputs.items():
            click.echo(f"{printable(output_name, 60)}: {array.dtype} {array.shape}")
    elif json_file != "-":
        for index, (scores, name) in enumerate(zip(outputs["scores"], outputs["classes"], strict=True)):
            click.echo(f"{index}: class {int(name)} (score {float(scores[int(name)]):.4g})")
    return 0


@command.command("pack")
@click.argument("bundle", type=_FOLDER)
@click.option("--out", type=_FILE, help="The file (default: NAME.bundle.tar or NAME.delta.tar beside the bundle).")
@click.option("--base", type=_BUNDLE, metavar="BUNDLE", help="Pack only what this bundle (folder or archive) lacks.")
def pack(bundle: Path, out: Path | None, base: Path | None) -> int:
    """Make one file of a bundle: equal bundles give equal bytes."""
    from autoedge.workflows.bundle_pack import pack_bundle

    click.echo(f"wrote {pack_bundle(bundle, out, base=base)}")
    return 0


@command.command("unpack")
@click.argument("pack", type=_FILE)
@click.option("--out", required=True, type=_FOLDER, help="The new folder.")
@click.option("--base", type=_BUNDLE, metavar="BUNDLE", help="What a delta pack was made against (folder or archive).")
def unpack(pack: Path, out: Path, base: Path | None) -> int:
    """Make a folder of a pack, once everything in it was checked."""
    from autoedge.workflows.bundle_unpack import unpack_bundle

    unpack_bundle(pack, out, base=base)
    click.echo(f"wrote {out}")
    return 0


@command.command("diff")
@click.argument("a", type=_BUNDLE)
@click.argument("b", type=_BUNDLE)
@json_option
def diff(a: Path, b: Path, json_file: str | None) -> int:
    """Show what B is, holds and achieves otherwise than A (folders or archives); exit code 1 when anything differs."""
    from autoedge.workflows.bundle_diff import diff_bundles
    from autoedge_cli.render import console
    from autoedge_cli.render_bundle_difference import render_difference

    found = diff_bundles(a, b)
    if json_file is not None:
        write_json(found.plain(), json_file)
    if json_file != "-":
        names = (a.name, b.name) if a.name != b.name else (str(a), str(b))
        render_difference(console(), found, names)
    return 0 if found.same else 1


@command.command("sign")
@click.argument("bundle", type=_BUNDLE)
@click.option("--key", required=True, type=_FILE, help="Your private key, as keygen wrote it.")
@click.option("--out", type=_FILE, help="The signature (default: NAME.sig beside the bundle).")
def sign(bundle: Path, key: Path, out: Path | None) -> int:
    """Vouch for a bundle (folder or archive) with your private key.

    The key's passphrase is asked for, or taken from AUTOEDGE_KEY_PASSPHRASE.
    """
    from autoedge.workflows.bundle_sign import sign_bundle

    click.echo(f"wrote {sign_bundle(bundle, key, out, passphrase=_asked)}")
    return 0


@command.command("keygen")
@click.option("--out", required=True, type=_FILE, help="The private key; the public one lies beside it as FILE.pub.")
def keygen(out: Path) -> int:
    """Make a pair of keys to sign bundles with.

    The private key is enciphered with a passphrase, which is asked for on a terminal or taken from
    AUTOEDGE_KEY_PASSPHRASE; without one it is plain.
    """
    from autoedge.deploy.keys import PASSPHRASE, make_key, trusted_folder
    from autoedge_cli.render import printable

    words = os.environ.get(PASSPHRASE) or _asked(new=True)
    public = make_key(out, words)
    plain = "" if words else ", without a passphrase: whoever reads it can sign in your name"
    click.echo(f"wrote {printable(out)} (private{plain})")
    click.echo(f"wrote {printable(public)}; who trusts you copies it to {printable(trusted_folder())}")
    return 0


def _asked(*, new: bool = False) -> str | None:
    """A passphrase typed on a terminal; None without a terminal."""
    if not sys.stdin.isatty():
        return None
    what = "passphrase (empty for none)" if new else "passphrase"
    words: str = click.prompt(what, hide_input=True, default="", show_default=False, confirmation_prompt=new, err=True)
    return words or None


command.add_command(deploy)

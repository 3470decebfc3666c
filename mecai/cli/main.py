"""The `mecai` command: each verb is a module of `mecai.cli`."""

import runpy
from pathlib import Path
from typing import Final, NoReturn

import click

from mecai import __version__
from mecai.cli.program import Verbs, run

VERBS = {
    "ca": "run a certificate authority: roots, issuing, revocation",
    "client": "fetch over TLS and demand vouchers",
    "config": "check settings before a service reads them",
    "demo": "show all of it on this machine in a few seconds, as any user",
    "directory": "build, view and verify the signed directory of Voucher Authorities",
    "key": "make a key and a certificate signing request",
    "perspective": "probe for a Voucher Authority from another network",
    "sidecar": "fetch vouchers and OCSP staples for a TLS server",
    "vas": "run a Voucher Authority Server",
    "voucher": "view, verify and request single vouchers",
}
# These verbs need the extra of their name (pyproject.toml); the others need the wheel alone.
EXTRAS = {"ca": "ca", "demo": "demo", "perspective": "vas", "vas": "vas"}


# This project's own client under the conformance suite: a verb of a checkout, and no part of the wheel
# (docs/conformance.md).
_HARNESS_VERB: Final = "conformance-client"
_HARNESS: Final = Path(__file__).resolve().parents[2] / "tests" / "harness" / "conformance_client.py"


class _Verbs(Verbs):
    """The verbs of the product, and unlisted the one that only a checkout has."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb, None where there is none of that name."""
        if cmd_name == _HARNESS_VERB and _HARNESS.is_file():
            command: click.Command = runpy.run_path(str(_HARNESS))["command"]
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Verbs, verbs=VERBS, package="mecai.cli", extras=EXTRAS)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """MECAI: certificate authorities act as notaries for each other."""


def main() -> NoReturn:
    """Run the command line."""
    run(cli, "mecai")

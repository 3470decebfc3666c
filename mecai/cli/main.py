"""The `mecai` command: each verb is a module of `mecai.cli`."""

from typing import NoReturn

import click

from mecai.cli.program import Verbs, run

VERBS = {
    "ca": "run a certificate authority: roots, issuing, revocation",
    "client": "fetch over TLS and demand vouchers",
    "conformance-client": "answer the conformance suite's cases, line by line",
    "directory": "build, view and verify the signed directory of Voucher Authorities",
    "key": "make a key and a certificate signing request",
    "sidecar": "fetch vouchers and OCSP staples for a TLS server",
    "vas": "run a Voucher Authority Server",
    "voucher": "view, verify and request single vouchers",
}


@click.group(cls=Verbs, verbs=VERBS, package="mecai.cli")
@click.version_option(package_name="mecai", message="%(prog)s %(version)s")
def cli() -> None:
    """MECAI: certificate authorities act as notaries for each other."""


def main() -> NoReturn:
    """Run the command line."""
    run(cli, "mecai")

"""The `testbed` command: each verb is a module of `testbed.cli`."""

from typing import NoReturn

import click

from mecai import __version__
from mecai.cli.program import Verbs, run

VERBS = {
    "attack": "play attacks, and compare every verdict with the expected one",
    "capture": "record packets and keys, for Wireshark",
    "check": "say whether this machine can run a lab, and what is missing",
    "demo": "show an accepted connection, an attack and its refusal",
    "down": "remove exactly what a lab made",
    "exec": "run a command on a host",
    "graph": "draw the networks and hosts of a topology",
    "impair": "delay, lose, slow or cut what passes a link",
    "list": "name the labs on this machine",
    "logs": "show what a host logged",
    "reset": "put a lab back to what it was, or to a save",
    "restart": "boot a host anew",
    "save": "put a running lab away, to be restored here or elsewhere",
    "ssh": "open an SSH session to a host",
    "status": "show each host with its state and health",
    "up": "make a lab, or complete it",
    "verify": "run all tests and scenarios, and write a report",
}


@click.group(cls=Verbs, verbs=VERBS, package="testbed.cli", extras=dict.fromkeys(VERBS, "testbed"))
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Run the lab of MECAI: real hosts on real networks, inside namespaces of this machine."""


def main() -> NoReturn:
    """Run the command line."""
    run(cli, "testbed", "interrupted; the same command continues, testbed down removes")

"""Options that several verbs share."""

from collections.abc import Callable
from typing import Any

import click

from mecai.protocol.errors import HostError
from testbed.lab import Lab
from testbed.plan import Plan, make
from testbed.topology import find, load

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

DEFAULT_TOPOLOGY = "small"

lab_option: Decorator = click.option(
    "--lab", "lab_id", envvar="MECAI_LAB", metavar="ID", help="The lab's id; default: the topology's name."
)
topology_option: Decorator = click.option(
    "--topology", "topology", default=DEFAULT_TOPOLOGY, show_default=True, metavar="NAME|FILE", help="The topology."
)
format_option: Decorator = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to answer."
)


def name_lab(lab_id: str | None, topology: str) -> Lab:
    """Return the lab that the options name; its default id is the topology's name."""
    return Lab(lab_id or load(find(topology)).name)


def open_lab(lab_id: str | None) -> tuple[Lab, Plan]:
    """Return a lab that was made, with the plan of the topology it was made from; raises `HostError`."""
    lab = Lab(lab_id or DEFAULT_TOPOLOGY)
    if not lab.topology_file.exists():
        raise HostError(f"no lab {lab.id} on this machine: make it with: testbed up --lab {lab.id}")
    return lab, make(load(lab.topology_file))

"""Options that all verbs share, and what they name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mecai.errors import HostError
from testbed.machine.lab import Lab
from testbed.model.plan import Plan, make
from testbed.model.topology import find, is_file, load

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

DEFAULT_TOPOLOGY = "small"

lab_option: Decorator = click.option(
    "--lab", "lab_id", envvar="MECAI_LAB", metavar="ID", help="The lab's id (MECAI_LAB); default: the topology's name."
)
topology_option: Decorator = click.option(
    "--topology",
    "topology",
    metavar="NAME|FILE",
    help=f"The topology; default: the lab's own, else {DEFAULT_TOPOLOGY}.",
)
format_option: Decorator = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to answer."
)


def name_lab(lab_id: str | None, topology: str | None) -> Lab:
    """Return the lab that the options name. A built-in topology's file is not read: it may have been edited since."""
    if lab_id:
        return Lab(lab_id)
    name = topology or DEFAULT_TOPOLOGY
    return Lab(load(find(name)).name if is_file(name) else name)


def find_source(lab: Lab, topology: str | None) -> Path:
    """Return the topology file for `up`: the one that is named, else the one of the lab, else the default."""
    record = lab.record()
    if topology or record is None:
        return find(topology or DEFAULT_TOPOLOGY)
    source = Path(record.topology)
    return source if source.exists() else lab.topology_file


def open_lab(lab_id: str | None, topology: str | None = None) -> tuple[Lab, Plan]:
    """Return a lab that was made, with the plan of the topology that it was made from; raises `HostError`."""
    lab = name_lab(lab_id, topology)
    if not lab.topology_file.exists():
        raise HostError(f"lab {lab.id}: there is none on this machine: make it with: testbed up --lab {lab.id}")
    return lab, make(load(lab.topology_file))

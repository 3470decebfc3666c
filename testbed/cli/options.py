"""Options that all verbs share, and what they name."""

from collections.abc import Callable
from typing import Any

import click

from mecai.protocol.errors import HostError
from testbed.lab import Lab
from testbed.plan import Plan, make
from testbed.topology import find, is_file, load

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_DEFAULT = "small"

lab_option: Decorator = click.option(
    "--lab", "lab_id", envvar="MECAI_LAB", metavar="ID", help="The lab's id (MECAI_LAB); default: the topology's name."
)
topology_option: Decorator = click.option(
    "--topology", "topology", default=_DEFAULT, show_default=True, metavar="NAME|FILE", help="The topology."
)
format_option: Decorator = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to answer."
)


def name_lab(lab_id: str | None, topology: str) -> Lab:
    """Return the lab that the options name. A built-in topology's file is not read: it may have been edited since."""
    return Lab(lab_id or (load(find(topology)).name if is_file(topology) else topology))


def open_lab(lab_id: str | None, topology: str = _DEFAULT) -> tuple[Lab, Plan]:
    """Return a lab that was made, with the plan of the topology that it was made from; raises `HostError`."""
    lab = name_lab(lab_id, topology)
    if not lab.topology_file.exists():
        raise HostError(f"lab {lab.id}: there is none on this machine: make it with: testbed up --lab {lab.id}")
    return lab, make(load(lab.topology_file))

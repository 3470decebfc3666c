"""Options that all verbs share, and what they name."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from mecai.errors import HostError
from testbed.drivers import driver_of
from testbed.drivers.driver import Driver
from testbed.machine.lab import Lab
from testbed.model.plan import Plan
from testbed.model.reading import find, is_file, load
from testbed.model.snapshot import Snapshot
from testbed.model.topology import Topology
from testbed.roles import ROLES

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
    """Return the lab that the options name.

    A built-in topology's file is not read, and a file only when no lab was made from it: it may have been edited since.
    """
    if lab_id:
        return Lab(lab_id)
    name = topology or DEFAULT_TOPOLOGY
    if not is_file(name):
        return Lab(name)
    return _made_from(Path(name)) or Lab(load(find(name), ROLES).name)


def read_topology(lab: Lab, topology: str | None) -> tuple[Topology, Path]:
    """Return the topology for `up` and its file: the one that is named, else the lab's own, else the default.

    Where the lab's file is gone, its snapshot still knows the topology.
    """
    made = lab.snapshot()
    if made and not topology and not Path(made.source).exists():
        return made.plan.topology, Path(made.source)
    path = Path(made.source) if made and not topology else find(topology or DEFAULT_TOPOLOGY)
    return load(path, ROLES), path


def open_lab(lab_id: str | None, topology: str | None = None) -> tuple[Driver, Plan]:
    """Return the driver and the plan of a lab that was made, as its snapshot says; raises `HostError`."""
    driver, made = open_made(lab_id, topology)
    return driver, made.plan


def open_made(lab_id: str | None, topology: str | None = None) -> tuple[Driver, Snapshot]:
    """Return the driver of a lab that was made, and how it was made; raises `HostError`."""
    lab = name_lab(lab_id, topology)
    if (made := lab.snapshot()) is None:
        raise HostError(f"lab {lab.id}: there is none on this machine: make it with: testbed up --lab {lab.id}")
    return driver_of(lab), made


def _made_from(file: Path) -> Lab | None:
    """Return the lab that was made from a file and bears its topology's name, unless there is none or several."""
    found = []
    for lab in Lab.all():
        with suppress(HostError):  # another lab's damaged snapshot is not this one's matter
            made = lab.snapshot()
            if made and made.source == str(file.resolve()) and made.plan.topology.name == lab.id:
                found.append(lab)
    return found[0] if len(found) == 1 else None

"""`testbed save`: put a running lab away, to be restored later or elsewhere; list and remove what was put away."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from mecai.errors import InputError
from testbed.cli.options import format_option, lab_option, name_lab, open_made, topology_option
from testbed.cli.progress import shown
from testbed.cli.tables import show_table
from testbed.drivers.driver import Driver
from testbed.lifecycle import kept
from testbed.lifecycle.save import save
from testbed.lifecycle.up import require_own
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.model.snapshot import Snapshot

_DEFAULT = "saved"


@click.command()
@lab_option
@topology_option
@format_option
@click.option("--export", type=click.Path(path_type=Path), metavar="FILE", help="Write one file for another machine.")
@click.option("--without-image", is_flag=True, help="Leave the base image out of the exported file.")
@click.option("--list", "listing", is_flag=True, help="Name the saves of all labs, and what is kept for `up`.")
@click.option("--remove", is_flag=True, help="Remove a save.")
@click.argument("name", required=False)
def command(lab_id: str | None, topology: str | None, form: str, **wish: Any) -> None:  # noqa: ANN401 - click's
    """Put a running lab away, keys and all, under a name (default: saved), for `reset` and `up --from`."""
    tools.require_root()
    wanted = Wish(**wish)
    wanted.require_one()
    name = wanted.name or _DEFAULT
    if wanted.listing:
        _list(form)
    elif wanted.remove:
        _remove(name_lab(lab_id, topology), name, form)
    else:
        _save(*open_made(lab_id, topology), wanted, name, form)


@dataclass(frozen=True)
class Wish:
    """What a person asks for."""

    export: Path | None
    without_image: bool
    listing: bool
    remove: bool
    name: str | None

    def require_one(self) -> None:
        """Raise `InputError` unless it is one thing."""
        if sum((bool(self.export), self.listing, self.remove)) > 1 or (self.name and (self.export or self.listing)):
            raise InputError("use one of NAME, --export FILE, --list, --remove NAME")
        if self.without_image and not self.export:
            raise InputError("--without-image: a save never holds the image; use it with --export FILE")


def _save(driver: Driver, made: Snapshot, wanted: Wish, name: str, form: str) -> None:
    lab, export = driver.lab, wanted.export
    require_own(lab, made)
    with lab.lock(), shown("save", "looking for attacks") as note:
        file = export.absolute() if export else _own_file(lab, name)
        octets = save(driver, made, file, note, with_image=bool(export) and not wanted.without_image)
    if form == "json":
        click.echo(json.dumps({"lab": lab.id, "file": str(file), "octets": octets, "image": made.image}, indent=2))
        return
    click.echo(f"lab {lab.id}: saved, {octets / 1e6:.0f} MB: {file}")
    if export:
        click.echo("It holds the private keys of the lab's hosts and CAs: whoever has the file has the lab.")
    back = f"testbed up --from {file}" if export else f"testbed reset --lab {lab.id} {name}"
    click.echo(f"back to it: {back}")


def _own_file(lab: Lab, name: str) -> Path:
    file = kept.save_file(lab, name)
    kept.make_folder(file.parent)
    return file


def _remove(lab: Lab, name: str, form: str) -> None:
    with lab.lock():
        kept.find(lab, name).unlink()
    click.echo(json.dumps({"lab": lab.id, "removed": name}) if form == "json" else f"lab {lab.id}: removed save {name}")


def _list(form: str) -> None:
    kinds = {"saves": kept.saves(), "converged": kept.converged()}
    if form == "json":
        found = {kind: [asdict(one) for one in ones] for kind, ones in kinds.items()}
        click.echo(json.dumps(found, indent=2, default=str))
    elif any(kinds.values()):
        words = {"saves": "save", "converged": "kept for up"}
        rows = [(words[kind], one) for kind, ones in kinds.items() for one in ones]
        show_table(Console(), ("what", "lab", "name", "from (UTC)", "size"), [_row(*row) for row in rows])
        click.echo(f"to forget what is kept for up: rm -r {kept.CONVERGED}")
    else:
        click.echo("nothing saved: save a running lab with: testbed save")


def _row(what: str, one: kept.Kept) -> tuple[str, ...]:
    return what, one.lab, one.name, f"{one.at:%F %R}", f"{one.octets / 1e6:.0f} MB"

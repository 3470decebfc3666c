"""`testbed capture`: record the packets of a host or a network, with keys."""

from pathlib import Path
from threading import Event

import click

from testbed.cli.options import lab_option, open_lab
from testbed.cli.progress import shown
from testbed.machine import tools
from testbed.machine.limits import LIMITS
from testbed.scenarios import capture
from testbed.scenarios.capture import Captured

_SECONDS = 30


@click.command()
@click.argument("name", metavar="LINK|HOST")
@click.option(
    "--for",
    "seconds",
    type=click.IntRange(1, LIMITS.recording_seconds),
    default=_SECONDS,
    show_default=True,
    help="How many seconds; Ctrl-C ends it sooner.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file; default: NAME.pcap, here.")
@lab_option
def command(name: str, seconds: int, out: Path | None, lab_id: str | None) -> None:
    """Record what crosses a network (LINK) or the wires of a host, and the keys of what exec runs meanwhile."""
    tools.require_root()
    driver, plan = open_lab(lab_id)
    with shown("capture", f"{name}, {seconds} s; Ctrl-C ends it sooner"):
        found = capture.record(driver, plan, name, out or Path(f"{name}.pcap"), lambda: Event().wait(seconds))
    click.echo(_words(found))


def _words(found: Captured) -> str:
    size = found.packets.stat().st_size
    limit = f", all that there may be ({LIMITS.recording_bytes // 1024**2} MiB)" if found.full else ""
    secrets = f"{found.keys}: {found.secrets} secrets of handshakes"
    return f"{found.packets}: {size} octets{limit}\n{secrets}\nread them: docs/wireshark/README.md"

"""What `mecai client proxy` does, loaded when it does it: the authority, the door, and a line for each refusal."""

import asyncio
import dataclasses
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from mecai.cli.arguments import now
from mecai.client.document import Document
from mecai.client.policy import read_policy
from mecai.client.proxy.authority import CERTIFICATE_FILE, LocalAuthority, open_authority
from mecai.client.proxy.destination import HTTPS
from mecai.client.proxy.door import Door, open_door
from mecai.client.proxy.owner import require_owners
from mecai.client.proxy.trust import Trust
from mecai.client.verdict import Outcome
from mecai.protocol.pki.names import host_name_of
from mecai.service.printable import printable

_FOLDER: Final = "proxy"  # below the client's state


def serve(
    *, config: Path, mode: str | None, profile: str | None, port: int, to_port: Sequence[int], domain: Sequence[str]
) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    require_owners()
    policy = read_policy(config)
    policy = dataclasses.replace(policy, mode=mode or policy.mode, profile=profile or policy.profile)
    folder = policy.state_folder / _FOLDER
    authority = open_authority(folder, tuple(map(host_name_of, domain)), now())
    trust = Trust(policy)
    with open_door(port) as listener:
        door = Door(listener, trust, authority, {HTTPS, *to_port}, _say)
        click.echo(_words(door, folder / CERTIFICATE_FILE, authority))
        asyncio.run(_until_ended(door))
    click.echo("ended")
    return 0


async def _until_ended(door: Door) -> None:
    serving = asyncio.ensure_future(door.serve())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()


def _words(door: Door, certificate: Path, authority: LocalAuthority) -> str:
    address, port = door.listener.getsockname()
    ports = ", ".join(map(str, sorted(door.ports)))
    names = f"names below {', '.join(authority.domains)}" if authority.domains else "every name"
    return f"""\
proxy      http://{address}:{port}, to port {ports}, mode {door.trust.mode}
authority  {certificate}, for {names}, until {authority.certificate.not_valid_after_utc:%Y-%m-%d}
           Let the browser that uses this proxy trust it, and no other program (docs/browser.md).
Goes on until Ctrl-C; says whom it refuses."""


def _say(document: Document) -> None:
    """Say what is not simply accepted."""
    if document["verdict"] != Outcome.ACCEPTED:
        site = f"{document['host']}:{document['port']}"
        click.echo(printable(f"{document['time']}  {site}  {document['verdict']}  {document['reason']}"))

"""What `mecai client proxy` does, loaded when it does it: the authority, the door, and a line for each refusal."""

import asyncio
import signal
import socket
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import click

from mecai.cli.arguments import now
from mecai.client.document import Document
from mecai.client.policy import ClientPolicy, read_policy
from mecai.client.proxy.authority import CERTIFICATE_FILE, open_authority
from mecai.client.proxy.destination import HTTPS
from mecai.client.proxy.door import Door, open_door
from mecai.client.proxy.leaves import PROTOCOLS
from mecai.client.proxy.owner import require_owners
from mecai.client.trust import Trust
from mecai.client.verdict import Outcome
from mecai.protocol.pki.names import host_name_of
from mecai.service.printable import printable

_FOLDER: Final = "proxy"  # below the client's state


def serve(
    *, config: Path, mode: str | None, profile: str | None, port: int, to_port: Sequence[int], domain: Sequence[str]
) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    policy = read_policy(config).instead(mode, profile)
    domains = tuple(map(host_name_of, domain))
    with open_door(port) as listener:
        _serve(listener, policy, {HTTPS, *to_port}, domains)
    click.echo("ended")
    return 0


def _serve(listener: socket.socket, policy: ClientPolicy, ports: Collection[int], domains: Sequence[str]) -> None:
    """Make or read the authority, say what there is, and serve."""
    require_owners()
    folder = policy.state_folder / _FOLDER
    trust = Trust(policy, PROTOCOLS)
    authority = open_authority(folder, domains, now())
    door = Door(listener, trust, authority, ports, _say)
    click.echo(_words(door, folder / CERTIFICATE_FILE))
    asyncio.run(_until_ended(door))


async def _until_ended(door: Door) -> None:
    serving = asyncio.ensure_future(door.serve())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()


def _words(door: Door, certificate: Path) -> str:
    authority = door.authority
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

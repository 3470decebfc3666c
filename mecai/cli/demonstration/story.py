"""What the demonstration shows, step by step: accepted, attacked, refused."""

import time
from ipaddress import ip_address
from shlex import quote

import click
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.cli.demonstration.scene import ADDRESS, HOST, NOTARIES, PORT, Scene
from mecai.cli.demonstration.servers import FALSE_PAGE, SECONDS, page_of
from mecai.cli.fetching import Wish, fetch
from mecai.errors import VerificationError
from mecai.protocol.objects.authorities import Server
from mecai.protocol.objects.request import VoucherRequest
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates
from mecai.vrp.answers import Held, RequestRefused
from mecai.vrp.ask import ask


def play(scene: Scene) -> bool:
    """Show each step; returns whether all came out as they should."""
    good = [step(scene) for step in (_vouched, _believed, _not_vouched_for, _refused)]
    return all(good)


def _vouched(scene: Scene) -> bool:
    _title("The client demands vouchers, and gets one")
    return _as_expected("accepted", _client(scene, "site") == 0)


def _believed(scene: Scene) -> bool:
    _title("alder is compromised, and certifies an attacker: a plain client believes him")
    click.echo(f"a client of the same three roots, without vouchers: {scene.url('attacker')}")
    _, body = page_of(scene, "attacker")
    click.echo(body.decode(), nl=False)
    return _as_expected("the attacker's page", body == FALSE_PAGE)


def _not_vouched_for(scene: Scene) -> bool:
    _title("He asks the others to vouch for him: they look for themselves, and refuse")
    chain = [each.public_bytes(Encoding.DER) for each in load_certificates(scene.false.certificate)]
    request = VoucherRequest(chain[0], tuple(chain[1:]), (ip_address(ADDRESS).packed,), PORT, HOST).encode()
    answers = [_asked(scene, name, request) for name in NOTARIES]
    return _as_expected("no voucher", not any(answers))


def _refused(scene: Scene) -> bool:
    _title("The client that demands vouchers refuses")
    return _as_expected("refused", _client(scene, "attacker") == VerificationError.exit_code)


def _client(scene: Scene, place: str) -> int:
    """Do what `mecai client get` does, and show it."""
    url = scene.url(place)
    click.echo(f"$ mecai client get --config {quote(str(scene.client))} {url}")
    return fetch(url, Wish(), started=time.monotonic(), config=scene.client, timeout=SECONDS)


def _asked(scene: Scene, name: str, request: bytes) -> bool:
    """Ask one notary; tells whether it vouches."""
    server = Server(scene.url(name), load_certificates(scene.home / name / "public" / "root.pem"))
    try:
        answer = ask(server, request, Deadline(SECONDS))
    except RequestRefused as refusal:
        click.echo(f"{name}: {refusal}")
        return False
    click.echo(f"{name}: {'holds it' if isinstance(answer, Held) else 'vouches'}")
    return not isinstance(answer, Held)


def _title(text: str) -> None:
    click.secho(f"{text} ".ljust(80, "─"), bold=True)


def _as_expected(what: str, good: bool) -> bool:
    click.echo(f"{'as expected' if good else 'NOT AS EXPECTED'}: {what}\n")
    return good

"""Ask a Voucher Authority by the honest protocol, from any host: by `mecai voucher request`, or many times by HTTPS.

What it answers is a value here, whatever it is: a voucher, a hold, a refusal with its code (docs/spec R7).
"""

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import HostError
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets
from testbed.roles import vas_node
from testbed.scenarios import authorities, loot, tools
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

ACCEPTED, HELD, REFUSED = "accepted", "held", "refused"
_LISTED: Final = ["--directory", "/etc/mecai/directory.der", "--publishers", "/etc/mecai/publishers.pem"]
_ON_HOLD: Final = "the certificate is on hold"
_CODE: Final = re.compile(r"https://\S+: ([a-z-]+): ")
_OK, _ACCEPTED = 200, 202
_JSON, _REQUEST = "application/json", "application/mecai-voucher-request"
_HTTPS = 443


@dataclass(frozen=True)
class Answered:
    """What a VAS answered: accepted, held or refused, then with its code; and all that was said."""

    verdict: str
    code: str
    said: str


def voucher(arena: Arena, host: str, of: str, chain: str, addresses: Sequence[str], *more: str) -> Answered:
    """Ask for a voucher for the chain in a file of the host; raises `HostError` where nothing is answered."""
    shown = [word for each in addresses for word in ("--address", each)]
    question = ["--chain", chain, *shown, "--authority", of, "--format", "json", *more]
    done = arena.run(host, ["mecai", "voucher", "request", *_LISTED, *question], "")
    if done.returncode == 0:
        return Answered(ACCEPTED, "", done.stdout)
    said = done.stderr.strip()
    if _ON_HOLD in said:
        return Answered(HELD, "", said)
    if found := _CODE.search(said):
        return Answered(REFUSED, found[1], said)
    raise HostError(f"{host}: mecai voucher request: exit code {done.returncode}: {said or 'it said nothing'}")


def chain_of(arena: Arena, host: str, tag: str) -> str:
    """Return the file of a haul's chain, or of that of the site that the host serves; raises `InputError`."""
    return loot.path(tag, "chain.pem") if tag else f"/etc/ssl/certs/{arena.host(host).names[0]}.pem"


def tell(arena: Arena, host: str, of: str, path: str, bodies: Sequence[object]) -> list[Answered]:
    """Send JSON documents from a host to a VAS, one after the other; raises `HostError` where nothing is answered."""
    told = [json.dumps(each).encode() for each in bodies]
    return [_understood(answer) for answer in _over_https(arena, host, _Post(of, path, told))]


def vouchers(
    arena: Arena, host: str, of: str, chains: Iterable[Sequence[x509.Certificate]], addresses: Sequence[str]
) -> list[Answered]:
    """Ask for vouchers from a host, one after the other without a pause; raises `HostError` as `tell`."""
    seen = tuple(map(address_octets, addresses))
    bodies = []
    for chain in chains:
        certificate, *intermediates = (each.public_bytes(Encoding.DER) for each in chain)
        bodies.append(VoucherRequest(certificate, tuple(intermediates), seen, _HTTPS).encode())
    return [_understood(answer) for answer in _over_https(arena, host, _Post(of, "/v1/vouchers", bodies, _REQUEST))]


def look(arena: Arena, host: str, of: str, path: str) -> Any:  # noqa: ANN401 - the document says what it is
    """Get a JSON document of a VAS; raises `HostError`."""
    [answer] = _over_https(arena, host, _Post(of, path, [None]))
    if answer["status"] != _OK:
        raise HostError(f"{of}: {path}: answered {answer['status']}")
    return json.loads(answer["body"])


@dataclass(frozen=True)
class _Post:
    """What is sent to a VAS, one body after the other; None: it is a GET."""

    of: str
    path: str
    bodies: Sequence[bytes | None]
    kind: str = _JSON


def _over_https(arena: Arena, host: str, post: _Post) -> list[dict[str, Any]]:
    url = f"https://{vas_node.name_of(arena.host(post.of), 'vas')}{post.path}"
    root = loot.get(arena, post.of, authorities.ROOT).decode()
    encoded = [body and base64.b64encode(body).decode() for body in post.bodies]
    told = json.dumps({"url": url, "root": root, "type": post.kind, "bodies": encoded})
    answers: list[dict[str, Any]] = json.loads(must(arena.run, host, ["python3", "-c", tools.text("https")], told))
    return answers


def _understood(answer: dict[str, Any]) -> Answered:
    if answer["status"] in {_OK, _ACCEPTED}:
        return Answered(ACCEPTED if answer["status"] == _OK else HELD, "", answer["body"])
    return Answered(REFUSED, str(json.loads(answer["body"])["type"]).rpartition("/")[2], answer["body"])

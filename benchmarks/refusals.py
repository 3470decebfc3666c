"""What a VAS refuses, or answers with a hold: of each kind the work of one, and at which node.

Some take a node that is configured otherwise, on the same database: one whose limits are used up, one that holds each
certificate for three days, one whose agents see nothing of the target. What a stranger can make up is made up anew each
time, so that nothing of it is remembered.
"""

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from benchmarks.vas_service import DISPUTED, NETWORK, SITES, Asked, Measured, certify, node, request_for
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.incident import Incident, Kind
from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets, authority_id, spki_der
from mecai.service.pem import load_certificates
from mecai.vas.reports.authorship import ReportSigner
from mecai.vas.storage.complaints import ComplaintLog, Objection
from mecai.vas.storage.database import open_database
from mecai.vrp.tell import INCIDENT_TYPE, REPORT_TYPE
from tests.integration import test_perspective as perspective
from tests.pki import Hierarchy, Issued, key

AGENTS: Final = 3  # as many as P5 asks for
MADE_UP: Final = LIMITS.remembered_certificates + 2
_JSON: Final = "application/json"
NOW: Final = datetime.now(UTC).replace(microsecond=0)
_TOO_MANY: Final = (429, 200, 403)  # what is let in, now and then, gets an answer
_STRANGERS: Final = tuple(f"127.{second}.{third}.1" for second in range(100, 120) for third in range(100))


@dataclass(frozen=True)
class Refused:
    """A kind, the node that refuses it, what it is asked, and what it answers."""

    name: str
    node: Measured
    asked: Asked
    statuses: tuple[int, ...]


def refused(stack: ExitStack, measured: Measured) -> Iterator[Refused]:
    """Return all kinds; the nodes run until the end."""
    stranger = Hierarchy("stranger", NOW)
    made_up = tuple(stranger.server(f"site-{place}.example.test") for place in range(MADE_UP))
    yield from _early(measured, made_up)
    yield from _by_status(measured)
    yield from _by_probe(measured)
    yield from _limited(stack, measured)
    yield from _held(stack, measured)
    yield from _disagreed(stack, measured)
    yield from _complaints(measured)
    yield from _reports(measured, made_up)


def _early(measured: Measured, made_up: tuple[Issued, ...]) -> Iterator[Refused]:
    request = VoucherRequest.decode(measured.requests[0])
    untrusted = tuple(replace(request, certificate=each.der, intermediates=each.chain_der[1:]) for each in made_up)
    yield Refused("malformed", measured, Asked((measured.requests[0][:-1],)), (400,))
    yield Refused("type", measured, Asked((measured.requests[0],), content_type=_JSON), (415,))
    yield Refused("port", measured, _vouchers(replace(request, port=80)), (403,))
    yield Refused("untrusted", measured, _vouchers(*untrusted), (403,))


def _by_status(measured: Measured) -> Iterator[Refused]:
    """Of a revoked certificate, and of one whose responder is not there."""
    alder = measured.world.alder
    alder.mecai("revoke", "--certificate", certify(measured.world, "revoked"))
    yield Refused("revoked", measured, _vouchers(request_for(measured.world, "revoked")), (403,))
    certify(measured.world, "silent", ocsp_url=f"http://{NETWORK}.9")
    yield Refused("no status", measured, _vouchers(request_for(measured.world, "silent")), (502,))


def _by_probe(measured: Measured) -> Iterator[Refused]:
    """Of targets that show something else or nothing, and of a certificate that somebody objected to."""
    request = VoucherRequest.decode(measured.requests[0])
    nobody = replace(request, addresses=(socket.inet_aton(f"{NETWORK}.254"),))
    yield Refused("nobody listens", measured, _vouchers(nobody), (502,))
    certify(measured.world, "elsewhere")
    yield Refused("another certificate", measured, _vouchers(request_for(measured.world, "elsewhere")), (409,))
    disputed = request_for(measured.world, DISPUTED)
    measured.asking(_vouchers(disputed))()
    engine = open_database(measured.database)
    objection = Objection(disputed.hashes[0], f"{DISPUTED}.example.test", "127.0.0.1")
    ComplaintLog(engine).keep(objection, NOW)
    engine.dispose()
    yield Refused("disputed", measured, _vouchers(disputed), (403,))


def _limited(stack: ExitStack, measured: Measured) -> Iterator[Refused]:
    """By who asks, by what is to be probed, by the vouchers of a day (after the probe), by the reports of one."""
    least = ("requests_per_minute", "certificate_requests_per_minute", "vouchers_per_day")
    limited = node(stack, measured, "limited", dict.fromkeys(least, 1))
    first, second = measured.requests[:2]
    yield Refused("too many: requester", limited, Asked((first,)), _TOO_MANY)
    yield Refused("too many: certificate", limited, Asked((first,), requesters=_STRANGERS), _TOO_MANY)
    # The server asks for itself: nothing but its vouchers is limited then.
    yield Refused("too many: vouchers", limited, Asked((second,), requesters=SITES[1:2]), _TOO_MANY)
    report = _told(_report(measured), requesters=("127.99.0.1",))
    yield Refused("too many: reports", measured, report, _TOO_MANY)


def _held(stack: ExitStack, measured: Measured) -> Iterator[Refused]:
    """Once more for who asked before, and for who asks for the first time."""
    holding = node(stack, measured, "holding", {"hold": '"P3D"'})
    body = measured.requests[:1]
    yield Refused("on hold", holding, Asked(body), (202,))
    yield Refused("on hold, new requester", holding, Asked(body, requesters=_STRANGERS), (202,))


def _disagreed(stack: ExitStack, measured: Measured) -> Iterator[Refused]:
    home = measured.world.home / "agent"
    home.mkdir()
    agent = stack.enter_context(perspective.running(home, settings=""))
    known = perspective.client(perspective.OURS)
    files = {"key": known.key_pem, "certificate": known.pem, "roots": perspective.OURS.root.pem}
    for name, octets in files.items():
        (path := home / f"vas-{name}.pem").touch(0o600)
        path.write_bytes(octets)
    lines = ["[perspectives]", 'region = "here"', *(f'{name} = "{home}/vas-{name}.pem"' for name in files)]
    for number in range(AGENTS):
        url = f"https://{perspective.HERE}:{agent.port}"
        lines += ["[[perspectives.agent]]", f'name = "{number}"', f'region = "{number}"', f'url = "{url}"']
    looking = node(stack, measured, "looking", {}, "\n".join(lines))
    yield Refused("perspectives disagree", looking, Asked(measured.requests[:1]), (409,))


def _complaints(measured: Measured) -> Iterator[Refused]:
    logged = VoucherRequest.decode(measured.requests[0]).hashes[0].hex()
    cases = {
        "malformed": ("", "www.example.test", 400),
        "certificate": (bytes(32).hex(), "www.example.test", 404),
        "domain": (logged, "www.example.test", 404),
        "not proved": (logged, "site-0.example.test", 403),
    }
    for name, (certificate, domain, status) in cases.items():
        body = json.dumps({"certificate": certificate, "domain": domain}).encode()
        yield Refused(f"complaint: {name}", measured, Asked((body,), "/v1/complaints", _JSON), (status,))


def _reports(measured: Measured, made_up: tuple[Issued, ...]) -> Iterator[Refused]:
    """Of clients, and of other VAs: alder's report key is listed, and its signature is not there."""
    good, longest = _report(measured), LIMITS.chain_length
    yield Refused("report: malformed", measured, _told(good[:-1]), (400,))
    yield Refused("report: old", measured, _told(_report(measured, time=NOW - 2 * LIMITS.report_age)), (400,))
    yield Refused("report: private", measured, _told(_report(measured, address="10.0.0.1")), (400,))
    untrusted = [_report(measured, chain=each.chain[:-1]) for each in made_up]
    yield Refused("report: untrusted", measured, _told(*untrusted, requesters=_STRANGERS), (403,))
    leaves = [each.certificate for each in made_up]
    longest_ones = [_report(measured, chain=tuple((leaves * 2)[place : place + longest])) for place in range(MADE_UP)]
    yield Refused("report: longest", measured, _told(*longest_ones, requesters=_STRANGERS), (403,))
    signer = _listed(measured)
    passed_on = signer.pass_on(_reported(measured))
    yield Refused("report, passed on: forged", measured, _told(_forged(passed_on), kind=REPORT_TYPE), (403,))
    incident = Incident(signer.authority, Kind.CERTIFICATE, bytes(32), NOW, "made up")
    asked = Asked((_forged(signer.notice(incident)),), "/v1/incidents", INCIDENT_TYPE)
    yield Refused("incident: forged", measured, asked, (403,))


def _listed(measured: Measured) -> ReportSigner:
    """Have the directory list a report key of alder's, and return who has it."""
    world, report_key = measured.world, key("alder reports")
    signer = ReportSigner(report_key, authority_id(spki_der(load_certificates(world.alder.root)[0])))
    config = world.alder.home / "ca.toml"
    line = f'report_key = "{base64.b64encode(signer.public_key).decode()}"\n'
    config.write_text(line + config.read_text(encoding="utf-8"), encoding="utf-8")
    world.publish()
    return signer


def _forged(signed: bytes) -> bytes:
    """Spoil the signature, which is what comes last."""
    return signed[:-1] + bytes([signed[-1] ^ 1])


def _reported(measured: Measured, **changed: Any) -> Report:  # noqa: ANN401 - of a report's fields
    request = VoucherRequest.decode(measured.requests[0])
    address = address_octets("8.8.8.8")
    return replace(Report(request.chain, address, 443, NOW, Verdict.REFUSED, "no-voucher"), **changed)


def _report(measured: Measured, **changed: Any) -> bytes:  # noqa: ANN401 - as above
    if "address" in changed:
        changed["address"] = address_octets(changed["address"])
    return json.dumps(_reported(measured, **changed).members()).encode()


def _told(*bodies: bytes, kind: str = _JSON, requesters: tuple[str, ...] = _STRANGERS[:1]) -> Asked:
    return Asked(bodies, "/v1/reports", kind, requesters)


def _vouchers(*requests: VoucherRequest) -> Asked:
    return Asked(tuple(request.encode() for request in requests))

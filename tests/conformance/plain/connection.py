"""The verdict on a connection: section 6.2 and 6.3, in the order of section 12."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from tests.conformance.plain import certificates, status, tls, voucher
from tests.conformance.plain.certificates import Certificate, check_extensions, check_sound, issued_by
from tests.conformance.plain.directory import Authority, Directory
from tests.conformance.plain.path import Path, check_ca, read_chain, validate
from tests.conformance.plain.refusal import Refused, expect, refused_as
from tests.conformance.plain.voucher import Voucher

_AUTHORITY_LIFETIME = timedelta(days=366)
_OWN_STATUS = timedelta(hours=48)
_SHORT_LIVED = timedelta(days=7)
_NAT64 = ["64:ff9b::/96"]
_OF_AUTHORITIES = {
    certificates.BASIC_CONSTRAINTS,
    certificates.KEY_USAGE,
    certificates.EXTENDED_KEY_USAGE,
    certificates.SUBJECT_KEY,
    certificates.AUTHORITY_KEY,
    certificates.ALTERNATIVE_NAME,
    certificates.ACCESS,
}


@dataclass(frozen=True)
class Client:
    """What a client wants and has."""

    directory: Directory
    candidates: Sequence[bytes]
    quorum: int
    contexts: Sequence[bytes]
    prefixes: Sequence[str]
    longest: timedelta
    now: datetime


@dataclass(frozen=True)
class Server:
    """What a server showed."""

    chain: Sequence[bytes]
    name: str
    staple: bytes | None
    address: bytes | None


@dataclass(frozen=True)
class _Situation:
    client: Client
    server: Server
    path: Path
    owners: set[str]


def check_session(name: str | None, *, resumed: bool) -> None:
    """Refuse a session that was not accepted before (T8), and a server that nobody named (C4)."""
    expect(not resumed, "a session that this client did not accept", "no-voucher")
    expect(name is not None, "no name of the server", "untrusted")


def shown(answer: bytes | None, named: Sequence[bytes]) -> list[bytes]:
    """Return the vouchers that count, in their order: those of the answer, then those that were named (C5)."""
    if answer is None:
        return []
    with refused_as("malformed"):
        return [*tls.read_answer(answer), *named]


def verify(client: Client, server: Server, vouchers: Sequence[bytes]) -> list[str]:
    """Return the hashes of the vouchers that passed; refuses the connection."""
    chain = read_chain(server.chain)
    path = validate(chain, client.directory.roots, server.name, client.now)
    expect(not client.directory.distrusts(path, client.now), "a CA of the path", "distrusted")
    listed = all(client.directory.owners(each.key_hash) for each in path[1:])
    expect(listed, "a CA key that nobody lists", "untrusted")
    situation = _Situation(client, server, path, _owners(client.directory, chain, path))
    if server.staple is not None:
        _refuse_revoked([server.staple], situation)
    expect(vouchers, "none came", "no-voucher")
    passed, failed, owners = [], [], set()
    for octets in vouchers:
        rank = len(client.candidates)
        try:
            read = voucher.read(octets)
            if read.authority in client.candidates:
                rank = client.candidates.index(read.authority)
                _refuse_revoked(read.signed.responses, situation)
            owners.add(_judge(read, situation).owner)
            passed.append(read.hash)
        except Refused as error:
            if error.reason == "revoked":
                raise
            failed.append((rank, error))
    if not passed:
        raise min(failed, key=lambda failure: failure[0])[1]
    expect(len(owners) >= client.quorum, f"{len(owners)} owners", "quorum")
    return passed


def _refuse_revoked(responses: Sequence[bytes], situation: _Situation) -> None:
    """E6: a valid `revoked` about a certificate of the path, wherever it stands."""
    for response in responses:
        for certificate, issuer in pairwise(situation.path):
            found = status.revokes(response, certificate, issuer, situation.client.now)
            expect(not found, "a certificate of the path", "revoked")


def _owners(directory: Directory, chain: Sequence[Certificate], path: Path) -> set[str]:
    """V6: who owns a CA key that was presented or is on the path, or a root that one of these reaches."""
    owners: set[str] = set()
    for certificate in (*chain, *path):
        owners |= directory.owners(certificate.key_hash)
        for root in directory.roots:
            if issued_by(certificate, root):
                owners |= directory.owners(root.key_hash)
    return owners


def _judge(read: Voucher, situation: _Situation) -> Authority:
    """V2 to V11: the first rule that fails is the reason."""
    client, path, now = situation.client, situation.path, situation.client.now
    expect(read.authority in client.candidates, "nobody asked for it", "not-a-candidate")
    authority, root = authority_of(read, client)
    expect(read.signed.holds(), "its signature does not hold", "bad-signature")
    check_own_status(read, root, now)
    expect(authority.owner not in situation.owners, "of the issuer's owner", "self-endorsed")
    expect(read.end - read.begin <= client.longest, "it lasts too long")
    expect(read.begin <= now + status.SKEW, "from the future", "not-yet-valid")
    expect(now < read.end, "ended", "expired")
    expect(read.certificate == path[0].hash, "another end entity", "certificate-mismatch")
    named = all(each.hash in read.intermediates for each in path[1:-1])
    expect(named, "another intermediate", "intermediates-mismatch")
    expect(situation.server.address is not None, "a proxy lies between", "address-unknown")
    found = addresses_of(situation.server.address, client.prefixes)
    expect(found & set(read.addresses), "another address", "address-mismatch")
    common = not client.contexts or set(client.contexts) & set(read.contexts)
    expect(common, "none of the client's contexts", "context-missing")
    _check_evidence(read, path, now)
    return authority


def authority_of(read: Voucher, client: Client) -> tuple[Authority, Certificate]:
    """V3: return the entry and the root that issued its authority's certificate itself."""
    entry, found, now = client.directory.find(read.authority), read.signed.certificate, client.now
    with refused_as("untrusted-authority"):
        expect(entry, "not in the directory")
        _check_profile(found)
        expect(found.valid_at(now), "an authority out of its time")
        named = [root for root in entry.roots if root.key_hash[:8] == entry.id]
        root = next((each for each in named if _is_ca(each, now) and issued_by(found, each)), None)
        expect(root, "not issued by its root")
        expect(root.key.for_signing, "a root whose key K3 does not have")
        expect(not client.directory.distrusts([root], now), "a distrusted root")
    return entry, root


def _is_ca(root: Certificate, now: datetime) -> bool:
    try:
        check_ca(root, now)
    except Refused:
        return False
    return True


def _check_profile(found: Certificate) -> None:
    """Refuse what K2 and K3 do not allow in an authority's certificate."""
    check_sound(found)
    expect(found.key.for_signing, "a key that K3 does not have")
    expect(found.critical(certificates.EXTENDED_KEY_USAGE), "extendedKeyUsage is not there and critical")
    expect(found.purposes == [certificates.VOUCHER_SIGNING], "extendedKeyUsage is not id-kp-voucherSigning alone")
    expect(found.usage(0), "keyUsage without digitalSignature")
    expect(not found.usage(5), "keyUsage with keyCertSign")
    expect(not found.usage(6), "keyUsage with cRLSign")
    expect(not found.is_ca, "a CA")
    expect(found.has(certificates.ALTERNATIVE_NAME), "no subject alternative name")
    expect(found.has_ocsp_url, "no OCSP URL")
    expect(found.end - found.begin <= _AUTHORITY_LIFETIME, "it lasts longer than 366 days")
    check_extensions(found, _OF_AUTHORITIES)


def check_own_status(read: Voucher, root: Certificate, now: datetime) -> None:
    """V5: the authority's own certificate is good, and its response lasts 48 hours at most."""
    expect(read.own, "no response about the authority", "authority-status")
    try:
        answer = status.judge(read.own[0], read.signed.certificate, root, now)
    except Refused as error:
        reason = "authority-revoked" if error.reason == "revoked" else "authority-status"
        raise Refused(reason, error.detail) from error
    expect(answer.end is not None, "it names no end", "authority-status")
    expect(answer.end - answer.begin <= _OWN_STATUS, "it lasts longer than 48 hours", "authority-status")


def addresses_of(peer: bytes, prefixes: Sequence[str]) -> set[bytes]:
    """V9: the peer's address, and the IPv4 address that a translation prefix has in front."""
    found = {peer}
    for prefix in (*_NAT64, *prefixes):
        network = ipaddress.IPv6Network(prefix).network_address.packed
        if len(peer) == 16 and peer[:12] == network[:12]:
            found.add(peer[12:])
    return found


def _check_evidence(read: Voucher, path: Path, now: datetime) -> None:
    """V11: each certificate of the path but the root is good, by what the voucher says of it."""
    entries = {each.certificate: each for each in read.evidence}
    for certificate, issuer in pairwise(path):
        entry = entries.get(certificate.hash)
        expect(entry, "no evidence at all", "status-missing")
        begin, end = entry.begin, entry.end
        if entry.method == voucher.OCSP:
            response = read.responses.get(entry.named)
            expect(response is not None, "its response is not enclosed", "status-missing")
            answer = status.judge(response, certificate, issuer, now)
            begin, end = answer.begin, answer.end or entry.end
        if entry.method == voucher.SHORT_LIVED:
            life = certificate.end - certificate.begin
            expect(life <= _SHORT_LIVED, "it lives longer than 7 days", "status-missing")
        expect(begin <= now + status.SKEW, "status from the future", "status-stale")
        expect(now < end, "status that ended", "status-stale")

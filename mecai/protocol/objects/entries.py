"""The entries of a directory as JSON values: authorities and distrust (docs/spec, D5 and D7).

The shape is `directory.schema.json` beside this file. Certificates and keys are base64 of their DER, hashes and ids
lower-case hex, times RFC 3339 in UTC; unknown members are ignored (D8).
"""

import base64
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import InputError, Malformed, under_rule
from mecai.protocol.codec.strict_json import TIME, Members
from mecai.protocol.objects.authorities import Authority, Distrust, Mail, Server
from mecai.protocol.pki.identity import AUTHORITY_ID_SIZE, HASH_SIZE
from mecai.protocol.pki.keys import check_public_key, load_public_key, public_key_of
from mecai.protocol.pki.names import check_https_url

RULE: Final = "D1"


def encode_authority(authority: Authority) -> dict[str, object]:
    """Return one authority as JSON values: what `mecai ca describe` prints and `mecai directory build` reads."""
    entry: dict[str, object] = {
        "name": authority.name,
        "ownerGroup": authority.owner_group,
        "region": authority.region,
        "id": authority.authority.hex(),
        "roots": [encode_certificate(root) for root in authority.roots],
        "subordinates": sorted(key.hex() for key in authority.subordinates),
        "servers": [
            {"url": server.url, "roots": [encode_certificate(root) for root in server.roots]}
            for server in authority.servers
        ],
    }
    if authority.mail is not None:
        certificate = encode_certificate(authority.mail.certificate)
        entry["mail"] = {"sender": authority.mail.sender, "certificate": certificate}
    if authority.report_key is not None:
        entry["reportKey"] = base64.b64encode(authority.report_key).decode()
    return entry


def decode_authority(value: object) -> Authority:
    """Return the authority that JSON values describe; raises `Malformed` naming the member at fault."""
    with under_rule(RULE):
        return read_authority(Members(value, "authority"))


def encode_distrust(entry: Distrust) -> dict[str, object]:
    """Return one distrust entry as JSON values."""
    return {"spki": entry.spki_hash.hex(), "time": entry.time.strftime(TIME), "reason": entry.reason}


def decode_distrust(value: object) -> Distrust:
    """Return the distrust entry that JSON values describe; raises `Malformed`."""
    with under_rule(RULE):
        return read_distrust(Members(value, "distrust"))


def read_authority(members: Members) -> Authority:
    """Return the authority that the members describe; raises `Malformed`."""
    return Authority(
        name=members.text("name"),
        owner_group=members.text("ownerGroup"),
        region=members.text("region"),
        authority=members.hex("id", AUTHORITY_ID_SIZE),
        roots=members.certificates("roots"),
        subordinates=frozenset(members.hexes("subordinates", HASH_SIZE)),
        servers=members.objects("servers", _decode_server),
        mail=_decode_mail(members.members("mail")) if "mail" in members else None,
        report_key=_decode_report_key(members) if "reportKey" in members else None,
    )


def _decode_server(members: Members) -> Server:
    server = Server(url=members.text("url"), roots=members.certificates("roots"))
    try:
        check_https_url(server.url)
    except InputError as error:
        raise Malformed(f"{members.where}.url: {error}") from error
    return server


def _decode_report_key(members: Members) -> bytes:
    encoded = members.octets("reportKey")
    try:
        load_public_key(encoded)
    except Malformed as error:
        raise Malformed(f"{members.where}.reportKey: {error.detail}") from error
    return encoded


def _decode_mail(members: Members) -> Mail:
    mail = Mail(sender=members.text("sender"), certificate=members.certificate("certificate"))
    try:
        check_public_key(public_key_of(mail.certificate))
    except Malformed as error:
        raise Malformed(f"{members.where}.certificate: {error.detail}") from error
    return mail


def read_distrust(members: Members) -> Distrust:
    """Return the distrust entry that the members describe; raises `Malformed`."""
    return Distrust(members.hex("spki", HASH_SIZE), members.time("time"), members.text("reason"))


def encode_certificate(certificate: x509.Certificate) -> str:
    """Return base64 of the DER."""
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()

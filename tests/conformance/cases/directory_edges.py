# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""D1 to D8 at their edges: JSON that some readers let pass, every member of an entry, which fault goes first."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conformance.parts import names
from tests.conformance.parts.der import NULL, implicit, integer, sequence, set_of
from tests.conformance.parts.directories import (
    PUBLISHER,
    Entry,
    content,
    distrust,
    entry,
    moment,
    publisher,
    signed,
    spki,
    spki_hash,
    text,
)
from tests.conformance.parts.rsa import rsa_key, rsa_spki
from tests.conformance.parts.signed_data import Changes, sign
from tests.conformance.parts.signing import Signer, ecdsa, signer
from tests.conformance.registry import Situation, case
from tests.conformance.stage import BIRCH, CEDAR, DIRECTORY, ENTRIES, directory_case
from tests.pki import DAY, NOW, issue, key, key_usage

_SECOND_KEY = publisher("second publisher")


def _content(**changes: Any) -> Entry:
    return content(ENTRIES[1], **changes)


def _json(**changes: Any) -> bytes:
    return json.dumps(_content(**changes), ensure_ascii=False).encode()


def _put(before: bytes, after: bytes) -> bytes:
    """Return the JSON of birch's directory with one place replaced."""
    whole = _json(comment=0)
    if whole.count(before) != 1:
        raise ValueError(f"{before!r} stands {whole.count(before)} times in the document")
    return whole.replace(before, after)


_WRONG = {
    "a byte order mark": b"\xef\xbb\xbf" + _json(),
    "octets that are no UTF-8": _put(b'"name": "birch"', b'"name": "b\xffrch"'),
    "octets that are no UTF-8 where nobody looks": _put(b'"comment": 0', b'"comment": "\xc0\x80"'),
    "NaN where nobody looks": _put(b'"comment": 0', b'"comment": NaN'),
    "Infinity where nobody looks": _put(b'"comment": 0', b'"comment": [-Infinity]'),
    "a comment": _put(b'"comment": 0', b'"comment": 0 /* a comment */'),
    "a comma at its end": _put(b'"comment": 0', b'"comment": 0,'),
    "single quotes": _put(b'"comment": 0', b"'comment': 0"),
    "a leading zero": _put(b'"comment": 0', b'"comment": 007'),
    "a line end in a text": _put(b'"name": "birch"', b'"name": "bir\nch"'),
    "a line end in a text where nobody looks": _put(b'"comment": 0', b'"comment": "a\nb"'),
    "a member twice in an entry": _put(b'"name": "birch"', b'"name": "birch", "name": "birch"'),
    "a member twice where nobody looks": _put(b'"comment": 0', b'"comment": {"a": 1, "a": 1}'),
    "a member twice in two spellings": _put(b'"comment": 0', b'"comment": 0, "c\\u006fmment": 0'),
    "two documents": _json() + _json(),
    "null": b"null",
    "a text": b'"directory"',
    "a version of true": _put(b'"version": 1', b'"version": true'),
    "a version of 1.0": _put(b'"version": 1', b'"version": 1.0'),
    "a sequence of 7.0": _put(b'"sequence": 7', b'"sequence": 7.0'),
    "a sequence of 7e0": _put(b'"sequence": 7', b'"sequence": 7e0'),
    "a sequence of true": _put(b'"sequence": 7', b'"sequence": true'),
    "a sequence of 5000 digits": _put(b'"sequence": 7', b'"sequence": ' + b"9" * 5000),
    "a sequence of minus 1": _put(b'"sequence": 7', b'"sequence": -1'),
}


@case("D1", "D8", over=_WRONG)
def d1_json_with(octets_: bytes) -> Situation:
    """The document has {}. D1: RFC 8259, UTF-8, no member twice anywhere; integers are written as such."""
    return directory_case(signed(octets_), reason="malformed")


_RIGHT = {
    "the highest sequence": _json(sequence=int((NOW - DAY).timestamp())),
    "letters of other scripts": _json(
        authorities=[entry(BIRCH, name="Birkenwald Zertifikate \u00c4\u00d6\u00dc \u4e2d")]
    ),
    "escaped letters": _put(b'"name": "birch"', b'"name": "b\\u0069rch"'),
    "a name of 200 characters": _json(authorities=[entry(BIRCH, name="\u00e4" * 200)]),
    "a number of many digits where nobody looks": _put(b'"comment": 0', b'"comment": 1' + b"0" * 400),
    "a fraction with an exponent where nobody looks": _put(b'"comment": 0', b'"comment": -1.5e-7'),
    "half a surrogate pair where nobody looks": _put(b'"comment": 0', b'"comment": "\\ud800"'),
    "no authorities": _json(authorities=[]),
    "tabs and line ends": _put(b'"comment": 0', b'\t"comment"\r\n: 0\n'),
    "a context of 32 characters": _json(context="A-9" + "Z" * 29),
}


@case("D1", "D8", over=_RIGHT)
def d1_good_json_with(octets_: bytes) -> Situation:
    """The document has {}. It is one."""
    return directory_case(signed(octets_))


_MEMBERS: dict[str, dict[str, Any]] = {
    "a time without zeros": {"issued": "2026-3-1T12:00:00Z"},
    "a time on February 30": {"issued": "2026-02-30T12:00:00Z"},
    "a time at 24 o'clock": {"issued": "2026-03-01T24:00:00Z"},
    "a time of the second 60": {"issued": "2026-03-01T12:00:60Z"},
    "a time in small letters": {"issued": "2026-03-01t12:00:00z"},
    "a time with a fraction": {"issued": "2026-03-01T12:00:00.0Z"},
    "a time of other digits": {"issued": "\u0662026-03-01T12:00:00Z"},
    "a time and a line end": {"issued": "2026-03-01T12:00:00Z\n"},
    "an empty context": {"context": ""},
    "a context of 33 characters": {"context": "A" * 33},
    "a context with a line end": {"context": "MOZ\n"},
    "a distrust entry without a reason": {"distrust": [{**distrust(CEDAR.root, NOW), "reason": ""}]},
    "a distrust entry of capitals": {"distrust": [{**distrust(CEDAR.root, NOW), "spki": "AB" * 32}]},
    "a distrust entry that is a text": {"distrust": ["cedar"]},
    "distrust that is an object": {"distrust": {}},
    "authorities that are null": {"authorities": None},
    "an authority that is a list of names": {"authorities": [list(ENTRIES[1])]},
    "a publisher that is null": {"publishers": [None]},
}


@case("D1", "D3", "D7", over=_MEMBERS)
def d1_directory_with(changes: dict[str, Any]) -> Situation:
    """The directory has {}."""
    return directory_case(signed(_content(**changes)), reason="malformed")


def _der(form: PublicFormat, private: Any) -> str:
    return base64.b64encode(private.public_key().public_bytes(Encoding.DER, form)).decode()


_ROOT = text(BIRCH.root.der)
_OF_P521 = issue("notices", key("notices", ec.SECP521R1), BIRCH.issuing, [], span=(NOW, NOW + DAY))


_KEY = text(spki(BIRCH.voucher))  # 91 octets, so that four bits of the last letter are nothing's
_LOOSE = f"{_KEY[:-3]}{chr(ord(_KEY[-3]) + 1)}=="


def _server(url: str, **changes: Any) -> dict[str, Any]:
    return {"servers": [{"url": url, "roots": [_ROOT], **changes}]}


_ENTRIES: dict[str, dict[str, Any]] = {
    "a name of 201 characters": {"name": "x" * 201},
    "a name with a control character": {"name": "bi\u0007rch"},
    "a name with a direction mark": {"name": "birch\u202egro"},
    "a name with a wide space": {"name": "birch\u3000grove"},
    "a name with a line separator": {"name": "birch\u2028grove"},
    "a name with half a pair": {"name": "birch\ud800"},
    "a name that is null": {"name": None},
    "a region of a number": {"region": 5},
    "an empty region": {"region": ""},
    "an owner group of a list": {"ownerGroup": ["birch"]},
    "roots that are a text": {"roots": _ROOT},
    "no roots": {"roots": []},
    "a root with a line end": {"roots": [_ROOT + "\n"]},
    "a root in base64 for URLs": {"roots": [_ROOT, "-_-_"]},
    "a report key with bits too many": {"reportKey": _LOOSE},
    "a subordinate in capitals": {"subordinates": [spki_hash(BIRCH.issuing).upper()]},
    "a subordinate that is a number": {"subordinates": [7]},
    "mail without a sender": {"mail": {"certificate": text(BIRCH.issuing.der)}},
    "mail with an empty sender": {"mail": {"sender": "", "certificate": text(BIRCH.issuing.der)}},
    "mail without a certificate": {"mail": {"sender": "va@birch.test"}},
    "mail with text for a certificate": {"mail": {"sender": "va@birch.test", "certificate": text(b"text")}},
    "mail with a certificate for P-521": {"mail": {"sender": "va@birch.test", "certificate": text(_OF_P521.der)}},
    "mail that is a text": {"mail": "va@birch.test"},
    "mail that is null": {"mail": None},
    "a report key that is none": {"reportKey": text(b"a public key")},
    "a report key that is a certificate": {"reportKey": text(BIRCH.issuing.der)},
    "a report key in PKCS1": {"reportKey": _der(PublicFormat.PKCS1, rsa_key(2048))},
    "a report key of P-521": {"reportKey": _der(PublicFormat.SubjectPublicKeyInfo, key("r", ec.SECP521R1))},
    "a report key of RSA 1024": {"reportKey": _der(PublicFormat.SubjectPublicKeyInfo, rsa_key(1024))},
    "a report key with an exponent of 65 bits": {"reportKey": text(rsa_spki((1 << 2048) - 1, (1 << 65) - 1))},
    "a report key with an exponent of 1": {"reportKey": text(rsa_spki((1 << 2048) - 1, 1))},
    "a report key with an even modulus": {"reportKey": text(rsa_spki((1 << 2048) - 2, 3))},
    "a server without roots": {"servers": [{"url": "https://vas.birch.test"}]},
    "a server whose root is none": _server("https://vas.birch.test", roots=[text(b"root")]),
    "a server without a URL": {"servers": [{"roots": [_ROOT]}]},
    "a server that is a text": {"servers": ["https://vas.birch.test"]},
}


@case("D1", "D5", over=_ENTRIES)
def d5_birch_with(changes: dict[str, Any]) -> Situation:
    """Birch's entry has {}."""
    return directory_case(signed(content(entry(BIRCH, **changes))), reason="malformed")


_URLS = {
    "port 0": "https://vas.birch.test:0/",
    "port 65536": "https://vas.birch.test:65536/",
    "an empty port": "https://vas.birch.test:/",
    "a user": "https://user@vas.birch.test/",
    "a user and a password": "https://user:secret@vas.birch.test/",
    "an underscore": "https://vas_1.birch.test/",
    "a final dot": "https://vas.birch.test./",
    "an empty label": "https://vas..birch.test/",
    "no host": "https:///v1",
    "no path but a query": "https://vas.birch.test?v=1",
    "another script": "https://v\u00e4s.birch.test/",
    "a space": "https://vas.birch.test/a b",
    "a line end": "https://vas.birch.test/\n",
    "no scheme": "vas.birch.test",
    "a scheme in capitals": "HTTPS://vas.birch.test/",
    "an IPv6 address without brackets": "https://2001:db8::10/",
    "an IPv4 address in brackets": "https://[198.18.0.10]/",
    "an IPv6 address that is none": "https://[2001:db8::g]/",
    "an IPv4 address that is none": "https://198.18.0.256/",
    "a number": "https://3323068426/",
    "201 characters": "https://vas.birch.test/" + "a" * 178,
}


@case("D1", "D5", "I8", over=_URLS)
def d5_url_with(url: str) -> Situation:
    """The URL of birch's VAS has {}."""
    return directory_case(signed(content(entry(BIRCH, **_server(url)))), reason="malformed")


_GOOD_URLS = {
    "a port": "https://vas.birch.test:8443/",
    "the highest port": "https://vas.birch.test:65535/",
    "no path": "https://vas.birch.test",
    "a path": "https://vas.birch.test/mecai/v1",
    "capitals": "https://VAS.Birch.test/",
    "an IPv4 address": "https://198.18.0.10/",
    "an IPv6 address": "https://[2001:db8::10]:8443/",
    "A-labels": "https://xn--bcher-kva.example/",
    "200 characters": "https://vas.birch.test/" + "a" * 177,
}


@case("D1", "D5", "I8", over=_GOOD_URLS)
def d5_good_url_with(url: str) -> Situation:
    """The URL of birch's VAS has {}."""
    return directory_case(signed(content(entry(BIRCH, **_server(url)))))


_GOOD_ENTRIES: dict[str, dict[str, Any]] = {
    "a report key of RSA": {"reportKey": _der(PublicFormat.SubjectPublicKeyInfo, rsa_key(2048))},
    "mail": {"mail": {"sender": "va@birch.test", "certificate": text(BIRCH.issuing.der)}},
    "the id of its second root": {"roots": [text(CEDAR.root.der), _ROOT]},
    "no subordinates": {"subordinates": []},
    "a server without any root": _server("https://vas.birch.test", roots=[]),
    "unknown members everywhere": {
        "mail": {"sender": "v", "certificate": _ROOT, "x": 1},
        **_server("https://a.test", x=1),
    },
}


@case("D1", "D5", "D6", "D8", over=_GOOD_ENTRIES)
def d5_good_birch_with(changes: dict[str, Any]) -> Situation:
    """Birch's entry has {}."""
    return directory_case(signed(content(entry(BIRCH, **changes))))


@case("D5", "D1")
def d5_useless_root() -> Situation:
    """Birch's entry lists its VA certificate, which is no CA, as a second root. D5: a reader need not look."""
    return directory_case(signed(content(entry(BIRCH, roots=[_ROOT, text(BIRCH.voucher.der)]))))


# The envelope

_DATA: dict[str, dict[str, bytes]] = {
    "empty crls, and version 5": {"version": integer(5), "crls": implicit(1, set_of())},
    "empty crls": {"crls": implicit(1, set_of())},
    "version 1": {"version": integer(1)},
    "version 4": {"version": integer(4)},
    "two certificates": {"certificates": implicit(0, set_of(PUBLISHER.der, BIRCH.root.der))},
    "no certificate": {"certificates": b""},
}


@case("D1", "O1", "O4", over=_DATA)
def d1_signed_data_with(fields: dict[str, bytes]) -> Situation:
    """The directory's SignedData has {}. D1: as O1, but of version 3 and without `crls`."""
    return directory_case(signed(_content(), changes=Changes(signed_data=fields)), reason="malformed")


_INFO: dict[str, dict[str, bytes]] = {
    "unsigned attributes": {"unsignedAttrs": implicit(1, set_of())},
    "version 3": {"version": integer(3)},
    "another name": {"sid": sequence(BIRCH.root.certificate.subject.public_bytes(), integer(1))},
    "another digest": {"digestAlgorithm": ecdsa("sha384").digest_identifier},
    "a field more": {"unsignedAttrs": NULL},
}


@case("D1", "O1", "O2", "O3", over=_INFO)
def d1_signer_with(fields: dict[str, bytes]) -> Situation:
    """The directory's SignerInfo has {}."""
    return directory_case(signed(_content(), changes=Changes(signer_info=fields)), reason="malformed")


# Which directory follows which, and which fault goes first


def _numbered(number: int, **changes: Any) -> bytes:
    return signed(_content(sequence=number, **changes))


@case("D3")
def d3_one_sequence_for_each_context() -> Situation:
    """The publisher's directory of MOZ has number 9; its first of GOO has number 3. D3 holds for each context."""
    return directory_case(_numbered(3, context="GOO"), history=[_numbered(9)])


@case("D3")
def d3_rollback_behind_the_last_of_three() -> Situation:
    """Numbers 5 and 8 were accepted; number 7 comes, which would follow the first of them."""
    return directory_case(_numbered(7), reason="directory-rollback", history=[_numbered(5), _numbered(8)])


@case("D3")
def d3_rollback_in_one_of_two_contexts() -> Situation:
    """Number 9 of MOZ and number 3 of GOO were accepted; number 8 of MOZ comes."""
    history = [_numbered(9), _numbered(3, context="GOO")]
    return directory_case(_numbered(8), reason="directory-rollback", history=history)


@case("D3", "D2")
def d3_same_content_signed_anew() -> Situation:
    """Number 7 was accepted; the same document comes, signed by the second pinned key. D3: its hash is the same."""
    pins = (PUBLISHER, _SECOND_KEY)
    return directory_case(signed(_content(), signer(_SECOND_KEY)), publishers=pins, history=[_numbered(7)])


@case("D2")
def d2_empty_publishers_leave_the_pins() -> Situation:
    """Directory 8 names the second key alone, 9 (by it) names none, 10 is by it: an empty list leaves the pins."""
    history = [
        signed(_content(sequence=8, publishers=[text(_SECOND_KEY.der)])),
        signed(_content(sequence=9), signer(_SECOND_KEY)),
    ]
    return directory_case(signed(_content(sequence=10), signer(_SECOND_KEY)), history=history)


@case("D2")
def d2_unpinned_key_in_another_context() -> Situation:
    """Directory 8 of MOZ names the second key alone; the old key signs for GOO. D2: for all that the reader takes."""
    history = [signed(_content(sequence=8, publishers=[text(_SECOND_KEY.der)]))]
    return directory_case(_numbered(1, context="GOO"), reason="directory-untrusted", history=history)


@case("D2", "D4")
def d2_same_again_and_expired() -> Situation:
    """Directory 7 was accepted and comes again, by now expired. D4 holds for it as for any other."""
    old = _numbered(7, issued=moment(NOW - 8 * DAY), expires=moment(NOW - DAY))
    return directory_case(old, reason="directory-expired", history=[old])


_OLD = {"issued": moment(NOW - 8 * DAY), "expires": moment(NOW - DAY)}
_FORGED = Signer(PUBLISHER, ecdsa("sha256"), key("stranger"))
_WEAK = issue("old publisher", rsa_key(1024), PUBLISHER, [key_usage("digital_signature")], span=(NOW - DAY, NOW + DAY))
_FIRST: dict[str, tuple[bytes, str]] = {
    "a wrong form before a strange key": (
        sign(names.REPORT, _json(), signer(_SECOND_KEY)),
        "malformed",
    ),
    "a strange key before a false signature": (
        signed(_content(), Signer(_SECOND_KEY, ecdsa("sha256"), key("stranger"))),
        "directory-untrusted",
    ),
    "a strange key before a wrong document": (signed(b"[]", signer(_SECOND_KEY)), "directory-untrusted"),
    "a strange key before a weak one": (signed(_content(), signer(_WEAK)), "directory-untrusted"),
    "a false signature before a wrong document": (signed(b"[]", _FORGED), "bad-signature"),
    "a false signature before an expired document": (signed(_content(**_OLD), _FORGED), "bad-signature"),
    "a wrong document before its time": (signed(_content(**_OLD, version=2)), "malformed"),
    "two of one id before its time": (signed(content(ENTRIES[1], ENTRIES[1], **_OLD)), "malformed"),
    "its time before its number": (_numbered(6, **_OLD), "directory-expired"),
    "its time before its number, from the future": (
        _numbered(6, issued=moment(NOW + DAY), expires=moment(NOW + 2 * DAY)),
        "directory-not-yet-valid",
    ),
    "a strange key before its number": (signed(_content(sequence=6), signer(_SECOND_KEY)), "directory-untrusted"),
}


@case("D1", "D2", "D4", over=_FIRST)
def d_order(fault: tuple[bytes, str]) -> Situation:
    """Two things are wrong with the directory that follows number 7: {} (section 12.4)."""
    encoded, reason = fault
    return directory_case(encoded, reason=reason, history=[DIRECTORY])

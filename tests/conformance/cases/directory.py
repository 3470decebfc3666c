# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""D1, D5, D6, D8: what a directory is."""

import json
from datetime import timedelta
from typing import Any

from tests.conformance.parts import names
from tests.conformance.parts.der import integer, octets
from tests.conformance.parts.directories import (
    PUBLISHER,
    Entry,
    authority_id,
    content,
    distrust,
    entry,
    signed,
    spki,
    spki_hash,
    text,
)
from tests.conformance.parts.signed_data import Changes, sign
from tests.conformance.parts.signing import signer
from tests.conformance.parts.status import ocsp
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, BIRCH, CEDAR, DIRECTORY, ENTRIES, directory_case
from tests.pki import NOW

SECOND = timedelta(seconds=1)


def _malformed(octets: bytes) -> Situation:
    """Refuse a directory whose publisher signed these octets."""
    return directory_case(signed(octets), reason="malformed")


def _json() -> bytes:
    return json.dumps(_content()).encode()


def _content(**changes: Any) -> Entry:
    """Return a directory of birch alone, which is enough for most cases."""
    return content(ENTRIES[1], **changes)


@case("D1", "D2", "D3", "D5", "D6")
def d1_in_order() -> Situation:
    """The pinned publisher signed a directory of four authorities yesterday, for a week."""
    return directory_case(DIRECTORY)


@case("D1")
def d1_spaces_and_order() -> Situation:
    """The same members in another order, with line ends and spaces. D1: the eContent is whatever octets were signed."""
    return directory_case(signed(json.dumps(_content(), indent=1, sort_keys=True).encode()))


@case("D1", "D8")
def d8_unknown_members() -> Situation:
    """The directory and an authority have members that this client does not know. D8: ignored."""
    return directory_case(signed(content(entry(BIRCH, founded=1999), comment={"a": [1, None]})))


@case("D1", "D8")
def d8_unknown_fraction() -> Situation:
    """An unknown member holds the number 1.5. D1 is RFC 8259, which knows fractions; D8: ignored."""
    return directory_case(signed(_content(comment=1.5)))


_WRONG_JSON = {
    "is empty": b"",
    "is cut short": _json()[:-1],
    "is a list": b"[]",
    "has a member twice": _json().replace(b'"version": 1', b'"version": 1, "version": 1'),
    "is UTF-16": _json().decode().encode("utf-16"),
    "has text after it": _json() + b" and more",
    "is nested five thousand deep": b'{"version":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
}


@case("D1", over=_WRONG_JSON)
def d1_document_that(octets: bytes) -> Situation:
    """The signed document {}."""
    return _malformed(octets)


_REQUIRED = ("version", "context", "sequence", "issued", "expires", "authorities", "distrust", "publishers")


@case("D1", over={name: name for name in _REQUIRED})
def d1_document_without(member: str) -> Situation:
    """The document has no member `{}`."""
    document = _content()
    del document[member]
    return directory_case(signed(document), reason="malformed")


_WRONG_VALUES: dict[str, dict[str, Any]] = {
    "version 2": {"version": 2},
    "a context in lower case": {"context": "moz"},
    "sequence 0": {"sequence": 0},
    "sequence 2^63": {"sequence": 1 << 63},
    "a sequence with a fraction": {"sequence": 7.5},
    "a sequence in quotes": {"sequence": "7"},
    "a time with an offset": {"issued": "2026-03-01T13:00:00+01:00"},
    "three publishers": {"publishers": [text(item.der) for item in (PUBLISHER, BIRCH.root, CEDAR.root)]},
    "a publisher that is no certificate": {"publishers": [text(b"publisher")]},
    "a distrust entry without a time": {"distrust": [{"spki": spki_hash(CEDAR.root), "reason": "it is late"}]},
    "a distrust entry with a short hash": {"distrust": [{**distrust(CEDAR.root, NOW), "spki": "00" * 20}]},
}


@case("D1", "D8", over=_WRONG_VALUES)
def d1_document_with(changes: dict[str, Any]) -> Situation:
    """The document has {}, which its schema does not allow."""
    return directory_case(signed(_content(**changes)), reason="malformed")


_WRONG_ENTRIES: dict[str, dict[str, Any]] = {
    "no owner group": {"ownerGroup": ""},
    "a name of a number": {"name": 7},
    "its id in upper case": {"id": authority_id(BIRCH).hex().upper()},
    "an id of nine octets": {"id": authority_id(BIRCH).hex() + "00"},
    "a server without TLS": {"servers": [{"url": "http://vas.birch.test", "roots": [text(BIRCH.root.der)]}]},
    "a root that is no certificate": {"roots": [text(BIRCH.root.der), text(b"root")]},
    "a root in base64 without padding": {"roots": [text(BIRCH.root.der).rstrip("=") or "A"]},
    "a subordinate of 20 octets": {"subordinates": ["00" * 20]},
}


@case("D1", "D5", over=_WRONG_ENTRIES)
def d5_entry_with(changes: dict[str, Any]) -> Situation:
    """Birch's entry has {}."""
    return directory_case(signed(content(entry(BIRCH, **changes))), reason="malformed")


@case("D5", "D1")
def d5_full_entry() -> Situation:
    """An authority has several roots, mail sender with certificate, a report key, and no server yet."""
    mail = {"sender": "va@birch.test", "certificate": text(BIRCH.issuing.der)}
    roots = [text(BIRCH.root.der), text(CEDAR.root.der)]
    full = entry(BIRCH, roots=roots, mail=mail, reportKey=text(spki(BIRCH.voucher)), servers=[])
    return directory_case(signed(content(full)))


@case("D6", "D1")
def d6_one_id_twice() -> Situation:
    """Two entries have birch's VA id, with different owner groups."""
    return directory_case(signed(content(ENTRIES[1], entry(BIRCH, ownerGroup="woods"))), reason="malformed")


@case("D6", "D1", "I3")
def d6_id_of_another() -> Situation:
    """An entry has birch's root and cedar's VA id. D6: the id must be that of one of the entry's roots."""
    false = entry(BIRCH, id=authority_id(CEDAR).hex())
    return directory_case(signed(content(false)), reason="malformed")


@case("D1", "K5")
def d1_another_content_type() -> Situation:
    """The publisher signed the very document as a report. K5: exactly one content type is read."""
    return directory_case(sign(names.REPORT, _json(), signer(PUBLISHER)), reason="malformed")


@case("D1")
def d1_with_revocation_information() -> Situation:
    """The directory encloses an OCSP response. D1: `crls` is empty."""
    return directory_case(sign(names.DIRECTORY, _json(), signer(PUBLISHER), [ocsp(ALDER.voucher)]), reason="malformed")


@case("D1", "I6")
def d1_trailing_octet() -> Situation:
    """One octet follows a good directory."""
    return directory_case(DIRECTORY + b"\0", reason="malformed")


@case("D1", "O1")
def d1_version_5() -> Situation:
    """The SignedData is of version 5, although it encloses no OCSP response (RFC 5652 section 5.1: version 3)."""
    five = Changes(signed_data={"version": integer(5)})
    return directory_case(signed(_content(), changes=five), reason="malformed")


@case("D1", "O2")
def d1_no_signed_attributes() -> Situation:
    """The publisher's signature is over the document directly, without signed attributes."""
    by = signer(PUBLISHER)
    bare = Changes(signer_info={"signedAttrs": b"", "signature": octets(by.sign(_json()))})
    return directory_case(signed(_json(), changes=bare), reason="malformed")

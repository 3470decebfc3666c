"""The directory: rules D1 to D8, and the owners of a chain (V6)."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mecai.errors import Malformed
from mecai.protocol.codec.cms import parse_signed_content, sign_content
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects import directory as module
from mecai.protocol.objects.authorities import Directory, Distrust, Mail
from mecai.protocol.objects.directory import parse_directory, sign_directory
from mecai.protocol.objects.entries import decode_authority, decode_distrust, encode_authority, encode_distrust
from mecai.protocol.oids import ID_CT_DIRECTORY, ID_CT_VOUCHER_INFO
from mecai.protocol.pki.identity import sha256, spki_der, spki_hash
from tests.pki import DAY, NOW, Key, ca_extensions, issue, key, rsa_key
from tests.scene import PUBLISHER, Scene, authority_entry, directory_of, refuses

SCENE = Scene()
PINS = [PUBLISHER.certificate]
SECOND = timedelta(seconds=1)
FULL = replace(
    SCENE.directory,
    authorities=(
        replace(
            SCENE.directory.authorities[0],
            mail=Mail("notary@alder.test", SCENE.alder.voucher.certificate),
            report_key=spki_der(SCENE.alder.voucher.certificate),
        ),
        *SCENE.directory.authorities[1:],
    ),
    distrust=(Distrust(bytes(32), NOW, "its root key was stolen"),),
    publishers=(PUBLISHER.certificate,),
)
SIGNED = sign_directory(FULL, PUBLISHER.key, PUBLISHER.certificate)
_SPKI = PublicFormat.SubjectPublicKeyInfo
CONTENT = parse_signed_content(SIGNED, ID_CT_DIRECTORY, len(SIGNED)).content


def _encoded_key(form: PublicFormat, private: Key) -> str:
    return base64.b64encode(private.public_key().public_bytes(Encoding.DER, form)).decode()


def parse(encoded: bytes) -> Directory:
    return parse_directory(encoded, PINS, NOW)


def signed_json(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return a signed directory whose JSON was changed in place."""
    members = json.loads(CONTENT)
    change(members)
    return signed(json.dumps(members).encode())


def signed(content: bytes) -> bytes:
    return sign_content(ID_CT_DIRECTORY, content, PUBLISHER.key, PUBLISHER.certificate)


def test_what_was_signed_is_read() -> None:
    directory = parse(SIGNED)
    assert directory == FULL
    assert directory.hash == sha256(CONTENT)


def test_the_schema_accepts_it() -> None:
    schema = json.loads(Path(module.__file__).with_name("directory.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(CONTENT))


def test_a_directory_encloses_no_ocsp_responses() -> None:
    responses = [SCENE.alder.ocsp(SCENE.site)]
    with refuses("malformed", "D1"):
        parse(sign_content(ID_CT_DIRECTORY, CONTENT, PUBLISHER.key, PUBLISHER.certificate, responses))


def test_signing_is_deterministic() -> None:
    assert sign_directory(FULL, PUBLISHER.key, PUBLISHER.certificate) == SIGNED


def test_unknown_members_are_ignored() -> None:
    def add(members: dict[str, Any]) -> None:
        members["later"] = {"any": [1.5, None]}
        members["authorities"][0]["later"] = True

    assert parse(signed_json(add)) == FULL


# Form: rules D1, D5, D6, D8


def at(*path: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    """Return a change of the member at a path."""

    def change(members: dict[str, Any]) -> None:
        place: Any = members
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def without(*path: str | int) -> Callable[[dict[str, Any]], None]:
    """Return a change that removes the member at a path."""

    def change(members: dict[str, Any]) -> None:
        place: Any = members
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def twice(members: dict[str, Any]) -> None:
    members["authorities"].append(members["authorities"][0])


BAD: dict[str, Callable[[dict[str, Any]], object]] = {
    "version 2": at("version", value=2),
    "version true": at("version", value=True),
    "no sequence": without("sequence"),
    "sequence 0": at("sequence", value=0),
    "sequence 2^63": at("sequence", value=1 << 63),
    "sequence above its own time of issue": at("sequence", value=int(NOW.timestamp()) + 1),
    "sequence before there were seconds": at("issued", value="1969-12-31T23:59:59Z"),
    "sequence as text": at("sequence", value="1"),
    "context": at("context", value="moz"),
    "time without zone": at("issued", value="2026-03-02T12:00:00"),
    "time with fraction": at("issued", value="2026-03-02T12:00:00.5Z"),
    "time in another form": at("issued", value="2026-3-02T12:00:00Z"),
    "expires before issued": at("expires", value="2026-03-02T12:00:00Z"),
    "31 days": at("expires", value="2026-04-02T12:00:00Z"),
    "authorities no list": at("authorities", value={}),
    "authority no object": at("authorities", 0, value="alder"),
    "authority without id": without("authorities", 0, "id"),
    "id of another": at("authorities", 0, "id", value="00" * 8),
    "id in capitals": at("authorities", 0, "id", value=FULL.authorities[0].authority.hex().upper()),
    "id too short": at("authorities", 0, "id", value="00"),
    "id no hex": at("authorities", 0, "id", value="zz" * 8),
    "no roots": at("authorities", 0, "roots", value=[]),
    "root no certificate": at("authorities", 0, "roots", 0, value="AAAA"),
    "root no base64": at("authorities", 0, "roots", 0, value="="),
    "root unpadded": at("authorities", 0, "reportKey", value="AAA"),
    "report key a number": at("authorities", 0, "reportKey", value=1234),
    "report key no key": at("authorities", 0, "reportKey", value="AAAA"),
    "report key in PKCS #1": at("authorities", 0, "reportKey", value=_encoded_key(PublicFormat.PKCS1, rsa_key("r"))),
    "report key of P-521": at("authorities", 0, "reportKey", value=_encoded_key(_SPKI, key("r", ec.SECP521R1))),
    "root a number": at("authorities", 0, "roots", 0, value=7),
    "http": at("authorities", 0, "servers", 0, "url", value="http://vas.alder.test"),
    "empty name": at("authorities", 0, "name", value=""),
    "long name": at("authorities", 0, "name", value="x" * 201),
    "control character": at("authorities", 0, "name", value="a\nb"),
    "subordinate too short": at("authorities", 0, "subordinates", 0, value="00"),
    "distrust without reason": without("distrust", 0, "reason"),
    "three publishers": at("publishers", value=json.loads(CONTENT)["publishers"] * 3),
    "two of one id": twice,
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_bad_form(change: Callable[[dict[str, Any]], object]) -> None:
    with refuses("malformed", "D1"):
        parse(signed_json(change))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        CONTENT.replace(b"{", b'{"context":"MOZ",', 1),
        CONTENT.replace(b'"sequence":1', b'"sequence":1.0'),
        CONTENT.replace(b'"sequence":1', b'"sequence":NaN'),
        CONTENT.replace(b'"sequence":1', b'"sequence":' + b"9" * 5000),
        CONTENT + b"{}",
        b"\xff" + CONTENT,
        b"[" * 100_000,
    ],
    ids=["empty", "list", "null", "twice", "float", "NaN", "digits", "trailing", "no UTF-8", "deep"],
)
def test_bad_json(content: bytes) -> None:
    with refuses("malformed", "D1"):
        parse(signed(content))


def test_bad_envelope() -> None:
    foreign = sign_content(ID_CT_VOUCHER_INFO, CONTENT, PUBLISHER.key, PUBLISHER.certificate)
    for encoded in (b"", SIGNED + b"\0", foreign, bytes(4 * 1024 * 1024 + 1)):
        with refuses("malformed", "D1"):
            parse(encoded)


def test_the_longest_life_is_30_days() -> None:
    parse(sign_directory(replace(FULL, expires=NOW + 30 * DAY), PUBLISHER.key, PUBLISHER.certificate))
    with refuses("malformed", "D1"):
        sign_directory(replace(FULL, expires=NOW + 30 * DAY + SECOND), PUBLISHER.key, PUBLISHER.certificate)


def test_the_number_of_authorities_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMITS", replace(LIMITS, directory_authorities=3))
    with refuses("malformed", "D1"):
        parse(SIGNED)


# Who signs: rule D2


def test_only_pinned_keys_speak() -> None:
    stranger = issue("publisher", key("stranger"), None, [], span=(NOW, NOW + DAY))
    with refuses("directory-untrusted", "D2"):
        parse(sign_directory(FULL, stranger.key, stranger.certificate))
    with refuses("directory-untrusted", "D2"):
        parse_directory(SIGNED, [], NOW)


def test_the_pin_is_the_key_and_a_second_pin_counts() -> None:
    renewed = issue("publisher", PUBLISHER.key, None, [], span=(NOW - 99 * DAY, NOW - DAY))
    again = sign_directory(FULL, renewed.key, renewed.certificate)
    assert parse_directory(again, [SCENE.alder.root.certificate, PUBLISHER.certificate], NOW) == FULL


def test_a_signature_of_another_key_under_the_pinned_certificate() -> None:
    with refuses("bad-signature", "D2"):
        parse(sign_directory(FULL, key("stranger"), PUBLISHER.certificate))


# Time: rule D4


def test_the_edges_of_time() -> None:
    parse_directory(SIGNED, PINS, FULL.expires - SECOND)
    parse_directory(SIGNED, PINS, FULL.issued - 300 * SECOND)
    with refuses("directory-expired", "D4"):
        parse_directory(SIGNED, PINS, FULL.expires)
    with refuses("directory-not-yet-valid", "D4"):
        parse_directory(SIGNED, PINS, FULL.issued - 301 * SECOND)


def test_a_directory_of_the_last_year_is_not_yet_valid_and_no_fault() -> None:
    """9999-12-31 plus thirty days is a time that nobody can compute."""
    last = datetime(9999, 12, 31, tzinfo=UTC)
    octets = sign_directory(replace(FULL, issued=last, expires=last + SECOND), PUBLISHER.key, PUBLISHER.certificate)
    with refuses("directory-not-yet-valid", "D4"):
        parse(octets)


# Entries on their own


def test_entries_round_trip_as_json() -> None:
    for authority in FULL.authorities:
        assert decode_authority(json.loads(json.dumps(encode_authority(authority)))) == authority
    assert decode_distrust(encode_distrust(FULL.distrust[0])) == FULL.distrust[0]


def test_an_entry_names_the_member_at_fault() -> None:
    entry = encode_authority(FULL.authorities[0])
    with pytest.raises(Malformed, match=r"authority\.servers\[0\]\.url"):
        decode_authority({**entry, "servers": [{"url": "ftp://x", "roots": []}]})


MEMBERS = st.sampled_from(["name", "id", "roots", "servers", "ownerGroup", "region", "subordinates"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=7),
    max_leaves=9,
)


@given(JSON)
def test_any_json_is_an_entry_or_malformed(value: object) -> None:
    with refuses("malformed", "D1"):
        decode_authority(value)


# Look-ups


def test_authorities_are_found_by_id() -> None:
    for authority in FULL.authorities:
        assert FULL.find(authority.authority) is authority
    assert FULL.find(bytes(8)) is None
    assert len(FULL.roots) == 4


def test_a_chain_belongs_to_the_owners_of_its_keys() -> None:
    chain = SCENE.site.chain
    assert SCENE.directory.owner_groups_of(chain, ()) == {"alder"}
    assert SCENE.directory.owner_groups_of([SCENE.alder.root.certificate], ()) == {"alder"}
    assert SCENE.directory.owner_groups_of([SCENE.site.certificate], ()) == frozenset()


def test_a_key_may_have_several_owners() -> None:
    shared = spki_hash(SCENE.alder.issuing.certificate)
    birch = replace(authority_entry(SCENE.birch), subordinates=frozenset({shared}))
    directory = directory_of(authority_entry(SCENE.alder), birch)
    assert directory.owner_groups_of(SCENE.site.chain, ()) == {"alder", "birch"}


def test_a_cross_sign_reaches_the_other_root_and_its_owner() -> None:
    """Alder's issuing CA, certified again by birch's root: a chain through it belongs to both."""
    issuing = SCENE.alder.issuing
    cross = issue(
        "alder issuing CA", issuing.key, SCENE.birch.root, ca_extensions(issuing.key, 0), span=(NOW, NOW + DAY)
    )
    chain = [SCENE.site.certificate, cross.certificate]
    assert SCENE.directory.owner_groups_of(chain, ()) == {"alder", "birch"}


def test_an_unlisted_ca_beside_the_path_is_owned_by_the_root_it_reaches() -> None:
    unlisted = SCENE.alder.subordinate("new CA", SCENE.alder.root)
    assert SCENE.directory.owner_groups_of([unlisted.certificate], ()) == {"alder"}


def test_of_a_path_through_an_unlisted_ca_nobody_knows_the_owners() -> None:
    unlisted = SCENE.alder.subordinate("new CA", SCENE.alder.root)
    path = (*SCENE.alder.server("www.example.test", parent=unlisted).chain, SCENE.alder.root.certificate)
    with refuses("untrusted", "C4"):
        SCENE.directory.owner_groups_of(path[:2], path)


def test_what_is_presented_beside_the_path_counts_as_well() -> None:
    """The server also shows alder's root as cedar certified it; the path needs it not, and still cedar has a part."""
    shown = [*SCENE.site.chain, SCENE.cedar.cross_sign(SCENE.alder).certificate]
    path = [*SCENE.site.chain, SCENE.alder.root.certificate]
    assert SCENE.directory.owner_groups_of(shown, path) == {"alder", "cedar"}
    assert SCENE.directory.owner_groups_of(path[:1], path) == {"alder"}


def test_a_name_alone_reaches_no_root() -> None:
    impostor = issue("birch root", key("impostor"), None, ca_extensions(key("impostor"), None), span=(NOW, NOW + DAY))
    below = issue("x", key("x"), impostor, [], span=(NOW, NOW + DAY))
    assert SCENE.directory.owner_groups_of([below.certificate], ()) == frozenset()


def test_distrust_begins_at_its_time() -> None:
    root = SCENE.alder.root.certificate
    entry = Distrust(spki_hash(root), NOW, "stolen")
    directory = replace(FULL, distrust=(entry,))
    assert directory.distrusted([root], NOW) == entry
    assert directory.distrusted([root], NOW - SECOND) is None
    assert directory.distrusted([SCENE.birch.root.certificate], NOW) is None
    assert replace(FULL, distrust=()).distrusted([root], NOW) is None


def test_identifying_roots_are_those_that_the_id_names() -> None:
    roots = (SCENE.alder.root.certificate, SCENE.birch.root.certificate)
    both = replace(authority_entry(SCENE.alder), roots=roots)
    assert both.identifying_roots == roots[:1]
    with pytest.raises(Malformed, match="none of its roots"):
        replace(both, roots=roots[1:])

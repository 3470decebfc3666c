"""Whom registry and DNS name for a domain (docs/spec H3), and what they say that is of no use."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mecai.errors import HostError, InputError
from mecai.probing.lookups import Look, Records
from mecai.probing.quorum import Perspective
from mecai.probing.views import View, Views
from mecai.protocol.pki.mail_addresses import mail_address
from mecai.service.deadline import Deadline
from mecai.vas.notify.caa import LONE, contacts_by_caa, contacts_everywhere
from mecai.vas.notify.contacts import MOST, Contacts
from mecai.vas.notify.rdap import Registries, contacts_by_rdap

DEADLINE = Deadline(10.0)


def caa(domain: str, zones: dict[str, tuple[tuple[str, str], ...]]) -> tuple[str, ...]:
    return contacts_by_caa(domain, DEADLINE, lambda name, _deadline: records(zones, name))


def records(zones: dict[str, tuple[tuple[str, str], ...]], name: str) -> Records:
    """Return what these zones have at a name."""
    return tuple((tag, value.encode()) for tag, value in zones.get(name, ()))


def test_caa_is_that_of_the_nearest_domain_that_has_any() -> None:
    zones = {
        "test": (("iodef", "mailto:registry@test.test"),),
        "example.test": (
            ("issue", "birch.test"),
            ("iodef", "mailto:ca@example.test?subject=x"),
            ("contactemail", "a@b.test"),
        ),
    }
    assert caa("www.example.test", zones) == ("ca@example.test", "a@b.test")
    assert caa("other.test", zones) == ("registry@test.test",)
    assert caa("www.example.test", zones | {"www.example.test": (("issue", ";"),)}) == ()
    assert caa("example.org", zones) == ()


@pytest.mark.parametrize(
    "value", ["https://example.test/report", "mailto:", "mailto:nobody", "mailto:a@b.test\r\nBcc: c@d.test", "a@b.test"]
)
def test_what_in_caa_is_no_contact(value: str) -> None:
    assert caa("example.test", {"example.test": (("iodef", value), ("issuemail", "x@y.test"))}) == ()


def entity(roles: list[str], *addresses: object, inside: list[object] | None = None) -> dict[str, Any]:
    card = [["version", {}, "text", "4.0"], *(["email", {}, "text", address] for address in addresses)]
    return {"roles": roles, "vcardArray": ["vcard", card], "entities": inside or []}


def rdap(document: object, domain: str = "example.test") -> tuple[str, ...]:
    registries = Registries({"test": "https://rdap.registry.test/"})
    answer = document if isinstance(document, bytes) else json.dumps(document).encode()

    def get(url: str, limit: int, _deadline: Deadline) -> bytes | None:
        assert (url, limit >= 65536) == (f"https://rdap.registry.test/domain/{domain}", True)
        return answer

    return contacts_by_rdap(domain, DEADLINE, registries, get)


def test_rdap_names_the_contacts_of_a_domain() -> None:
    abuse = entity(["abuse"], "abuse@registrar.test")
    entities = [
        entity(["registrant"], "Owner@Example.TEST"),
        entity(["registrar"], "sales@registrar.test", inside=[abuse]),
        entity(["technical", "administrative"], "ops@example.test", "ops2@example.test"),
    ]
    expected = ("Owner@example.test", "abuse@registrar.test", "ops@example.test", "ops2@example.test")
    assert rdap({"objectClassName": "domain", "entities": entities}) == expected


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"entities": None},
        {"entities": [None, 1, "x", {"roles": "registrant"}, {"roles": [1]}]},
        {
            "entities": [
                {"roles": ["registrant"], "vcardArray": ["vcard", [["email"], None, ["email", {}, "uri", "a@b.test"]]]}
            ]
        },
        {"entities": [entity(["registrant"], None, 1, "", "redacted", "a@b.test\n", "a b@c.test")]},
    ],
)
def test_rdap_that_names_nobody(document: object) -> None:
    assert rdap(document) == ()


def test_entities_in_entities_come_to_an_end() -> None:
    deep: dict[str, Any] = entity(["registrant"], "deep@example.test")
    for _ in range(200):
        deep = entity(["registrar"], inside=[deep])
    assert rdap({"entities": [deep]}) == ()


def test_rdap_that_is_no_json() -> None:
    with pytest.raises(HostError, match="RDAP answer: no strict JSON"):
        rdap(b"<html>")


def test_a_domain_that_the_registry_does_not_know() -> None:
    assert contacts_by_rdap("example.test", DEADLINE, Registries({"test": "https://r.test"}), lambda *_: None) == ()


def test_the_list_of_registries(tmp_path: Path) -> None:
    """As IANA publishes it: https before http, the longest suffix first."""
    path = tmp_path / "dns.json"
    services = [
        [["test", "EXAMPLE"], ["http://rdap.registry.test/", "https://rdap.registry.test/"]],
        [["co.test"], ["https://rdap.co.test/v1"]],
        [["old"], ["http://rdap.old/"]],
    ]
    path.write_text(json.dumps({"version": "1.0", "services": services}), encoding="utf-8")
    registries = Registries.read(path)
    assert registries.url_for("a.test") == "https://rdap.registry.test/domain/a.test"
    assert registries.url_for("a.co.test") == "https://rdap.co.test/v1/domain/a.co.test"
    assert registries.url_for("a.example") == "https://rdap.registry.test/domain/a.example"
    assert (registries.url_for("a.old"), registries.url_for("a.org")) == (None, None)
    for text in ("[]", "{", '{"services": [1]}', '{"services": [[[1], []]]}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="is no list of RDAP services"):
            Registries.read(path)
    with pytest.raises(HostError):
        Registries.read(tmp_path / "none")


@pytest.mark.parametrize(
    "text", ["", "a", "@b.test", "a@", "a@b@c.test", "a..b@c.test", '"a"@b.test', "a@192.0.2.1", "ä@b.test"]
)
def test_what_is_no_mail_address(text: str) -> None:
    with pytest.raises(InputError):
        mail_address(text)


def test_one_source_speaks_where_another_is_silent() -> None:
    def silent(_domain: str, _deadline: Deadline) -> tuple[str, ...]:
        raise HostError("timed out")

    many, others = (tuple(f"{name}{n}@b.test" for n in range(2 * MOST)) for name in "ab")
    found = Contacts((silent, lambda *_: many, lambda *_: others)).find("example.test", Deadline(60.0))
    assert (found.contacts, found.complete) == ((*many[:MOST], *others[:MOST]), False)
    same = Contacts((lambda *_: many[:1], lambda *_: many[:1])).find("example.test", Deadline(60.0))
    assert (same.contacts, same.complete) == (many[:1], True)


OWNER, THIEF = (("contactemail", f"{name}@example.test") for name in ("owner", "thief"))
THIEVES = tuple(("contactemail", f"thief{number}@example.test") for number in range(MOST))
PLACES = [Perspective("vas", "north"), Perspective("east", "east"), Perspective("south", "south")]


def everywhere(*seen: tuple[tuple[str, str], ...] | None, places: Sequence[Perspective] = PLACES) -> tuple[str, ...]:
    """Ask at the VAS and its agents, each of which sees these records of example.test, or gets no answer."""

    def look(here: tuple[tuple[str, str], ...] | None) -> Look:
        def answer(name: str, _kind: object, _deadline: Deadline) -> Records:
            if here is None:
                raise HostError("no answer")
            return records({"example.test": here, "test": (("contactemail", "registry@test.test"),)}, name)

        return answer

    views = Views([View(place, look(here)) for place, here in zip(places, seen, strict=False)])
    return contacts_everywhere("example.test", DEADLINE, views)


@pytest.mark.parametrize("liar", range(3))
def test_who_lies_at_one_place_keeps_nobody_from_the_owner(liar: int) -> None:
    """Whatever he shows there: himself, many of his, nobody, or a record that ends the climb."""
    for lie, added in (
        ((THIEF,), ["thief@example.test"]),
        (THIEVES, [value for _, value in THIEVES[:LONE]]),
        ((), ["registry@test.test"]),
        ((("issue", ";"),), []),
    ):
        seen = [(OWNER,)] * 3
        seen[liar] = lie  # type: ignore[call-overload]
        assert everywhere(*seen) == ("owner@example.test", *added)


def test_a_liar_at_the_vas_crowds_nobody_out_whom_agents_of_one_region_see() -> None:
    """They are no quorum without him, so that what they see is no better than what he shows."""
    places = [PLACES[0], *(replace(each, region="south") for each in PLACES[1:])]
    told = everywhere(THIEVES, (OWNER,), (OWNER,), places=places)
    assert told == (*(value for _, value in THIEVES[:LONE]), "owner@example.test")


def test_one_place_may_be_silent_and_two_may_not() -> None:
    assert everywhere((OWNER,), None, (OWNER,)) == ("owner@example.test",)
    with pytest.raises(HostError, match="asked at 3 places: east: no answer; south: no answer"):
        everywhere((THIEF,), None, None)


def test_without_agents_the_vas_believes_what_it_sees() -> None:
    assert everywhere((THIEF,)) == ("thief@example.test",)
    with pytest.raises(HostError, match="vas: no answer"):
        everywhere(None)

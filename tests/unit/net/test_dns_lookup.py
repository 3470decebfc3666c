"""Strangers' names: one family's failure leaves the other, and no name server can hold who asks for long."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from mecai.net.dns_lookup import AliasRefused, caa, from_dns, texts
from mecai.service.deadline import Deadline
from tests.patience import SECONDS

NAME = "www.example.test"
V4, V6 = "192.0.2.1", "2001:db8::1"
SILENCE = "silence"
FAILURES = ["SERVFAIL", "REFUSED", "NOTIMP", "NXDOMAIN", SILENCE]
ALIAS = "host.corp.test>www.example.org>"
# What is answered to a question of each kind: an address, "" for an empty answer, an RCODE, or silence; each after the
# names that the one asked for stands for, with a ">".
Zone = dict[str, str]


@contextmanager
def name_server(zone: Zone) -> Iterator[Callable[[], dns.resolver.Resolver]]:
    """Serve `NAME` on loopback; gives what makes resolvers that ask there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as served:
        served.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(served, zone))
        thread.start()

        def resolver() -> dns.resolver.Resolver:
            made = dns.resolver.Resolver(configure=False)
            made.nameservers, made.port = ["127.0.0.1"], served.getsockname()[1]
            return made

        try:
            yield resolver
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"", served.getsockname())
            thread.join()


def _serve(served: socket.socket, zone: Zone) -> None:
    """Answer until an empty datagram comes, then also what was met with silence: its asker has waited long enough."""
    pending = []
    while True:
        data, asker = served.recvfrom(65536)
        if not data:
            break
        query = dns.message.from_wire(data)
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        if zone[kind] == SILENCE:
            pending.append((query, asker))
        else:
            served.sendto(_answer(query, kind, zone[kind]).to_wire(), asker)
    for query, asker in pending:
        served.sendto(_answer(query, "", "SERVFAIL").to_wire(), asker)


def _answer(query: dns.message.Message, kind: str, said: str) -> dns.message.Message:
    answer, name = dns.message.make_response(query), query.question[0].name
    *aliases, said = said.split(">")
    for alias in aliases:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", f"{alias}."))
        name = dns.name.from_text(alias)
    if said in FAILURES:
        answer.set_rcode(dns.rcode.from_text(said))
    elif said:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, said))
    return answer


def octets(*texts: str) -> list[bytes]:
    return [ipaddress.ip_address(text).packed for text in texts]


def test_both_families() -> None:
    with name_server({"A": V4, "AAAA": V6}) as resolver:
        assert from_dns(NAME, Deadline(SECONDS), resolver) == octets(V6, V4)


@pytest.mark.parametrize("failure", [*FAILURES, ""])
@pytest.mark.parametrize(("good", "bad", "address"), [("A", "AAAA", V4), ("AAAA", "A", V6)])
def test_one_family_fails_and_leaves_the_other(good: str, bad: str, address: str, failure: str) -> None:
    with name_server({good: address, bad: failure}) as resolver:
        started = time.monotonic()
        assert from_dns(NAME, Deadline(SECONDS), resolver) == octets(address)
        assert time.monotonic() - started < SECONDS / 2  # the silence of the other family is not waited for


@pytest.mark.parametrize("failure", ["SERVFAIL", "NXDOMAIN", ""])
def test_no_address(failure: str) -> None:
    with name_server({"A": failure, "AAAA": failure}) as resolver, pytest.raises(OSError, match=f"(?i){NAME}"):
        from_dns(NAME, Deadline(SECONDS), resolver)


def test_silence_ends_at_the_deadline() -> None:
    with name_server({"A": SILENCE, "AAAA": SILENCE}) as resolver, pytest.raises(OSError, match="tim"):
        from_dns(NAME, Deadline(0.2), resolver)


def test_no_name_server_is_configured() -> None:
    def unconfigured() -> dns.resolver.Resolver:
        raise dns.resolver.NoResolverConfiguration

    with pytest.raises(OSError, match="Resolver configuration"):
        from_dns(NAME, Deadline(SECONDS), unconfigured)


def test_records_of_one_type_at_a_name() -> None:
    with name_server({"CAA": '0 iodef "mailto:a@b.test"', "TXT": '"in two " "parts"'}) as resolver:
        assert caa(NAME, Deadline(SECONDS), resolver) == (("iodef", b"mailto:a@b.test"),)
        assert texts(NAME, Deadline(SECONDS), resolver) == (b"in two parts",)


@pytest.mark.parametrize("missing", ["NXDOMAIN", ""])
def test_records_that_are_not_there(missing: str) -> None:
    with name_server({"CAA": missing, "TXT": missing}) as resolver:
        assert (caa(NAME, Deadline(SECONDS), resolver), texts(NAME, Deadline(SECONDS), resolver)) == ((), ())


@pytest.mark.parametrize("there", [True, False])
def test_a_name_that_stands_for_another_has_its_records(there: bool) -> None:
    with name_server({"CAA": f"{ALIAS}NXDOMAIN", "TXT": ALIAS + '"here"' * there}) as resolver:
        assert texts(NAME, Deadline(SECONDS), resolver) == (b"here",) * there
        assert caa(NAME, Deadline(SECONDS), resolver) == ()


@pytest.mark.parametrize("refused", ["host.corp.test", "www.example.org"])
@pytest.mark.parametrize("missing", ["NXDOMAIN", "", None])
def test_no_alias_leads_to_what_is_refused_whether_anything_is_there_or_not(refused: str, missing: str | None) -> None:
    alias = ALIAS.upper()
    zone = {"CAA": '0 iodef "mailto:a@b.test"', "TXT": '"secret"'}
    with name_server({kind: alias + (said if missing is None else missing) for kind, said in zone.items()}) as resolver:
        for ask in (caa, texts):
            with pytest.raises(AliasRefused):
                ask(NAME, Deadline(SECONDS), resolver, lambda name: name == refused)


def test_a_failure_is_not_taken_for_none() -> None:
    with name_server({"CAA": "SERVFAIL", "TXT": "SERVFAIL"}) as resolver:
        for ask in (caa, texts):
            with pytest.raises(OSError, match="SERVFAIL"):
                ask(NAME, Deadline(SECONDS), resolver)

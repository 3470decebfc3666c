"""`[[domain]]`: what a client demands of some destinations instead of the rest, and what a person is told of it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mecai.cli.client import command
from mecai.client import ClientPolicy, Outcome, VoucherContext
from mecai.client.domain_entry import DomainEntry
from mecai.client.policy import read_policy
from mecai.client.ruling import ruling
from mecai.errors import InputError
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from tests.scene import HOST
from tests.unit.client.test_context import connect
from tests.unit.client.world import World
from tests.unit.tls.memory import Extension, stapling_server

world = World()
PARENT = HOST.partition(".")[2]
SETTINGS = """
mode = "warn"
quorum = 2

[[domain]]
domains = ["example.test"]
mode = "enforce"
profile = "strict"
max_voucher_age_hours = 6
max_status_hours = 24

[[domain]]
domains = ["Www.Example.Test", "b\u00fccher.test"]
mode = "off"
contexts = []
max_voucher_hours = 24

[[regional]]
domains = ["example.test"]
without = ["EU"]

[[intranet]]
domains = ["corp.test"]
roots = "corp.pem"
"""


def client(*entries: DomainEntry, **settings: object) -> VoucherContext:
    policy = ClientPolicy(domains=entries, **settings)  # type: ignore[arg-type]  # a test names the keys it needs
    return VoucherContext(policy, world.directory, bytes(32), clock=lambda: world.now)


def met(context: VoucherContext, *vouchers: str) -> tuple[Outcome, str | None, list[RequestExtension]]:
    """Connect to a server with these vouchers; returns outcome, reason and what it was asked for."""
    answering = stapling_server(world.site, world.answer(*vouchers) if vouchers else None)
    seen = Extension().install(answering, VOUCHER_REQUEST).seen
    verdict = connect(context, answering)
    return verdict.outcome, verdict.reason, [asked for octets in seen if (asked := RequestExtension.decode(octets))]


@pytest.mark.parametrize(
    ("domain", "elsewhere", "outcome"),
    [("enforce", "warn", Outcome.REFUSED), ("warn", "enforce", Outcome.WARNED), ("enforce", "off", Outcome.REFUSED)],
)
def test_a_domain_has_a_mode_of_its_own(domain: str, elsewhere: str, outcome: Outcome) -> None:
    there, other = DomainEntry((PARENT,), mode=domain), DomainEntry(("other.test",), mode=domain)
    assert met(client(there, mode=elsewhere))[:2] == (outcome, "no-voucher")
    assert met(client(other, mode=elsewhere))[0] is {"enforce": Outcome.REFUSED}.get(elsewhere, Outcome.WARNED)


def test_a_domain_that_is_off_is_told_nothing() -> None:
    outcome, reason, asked = met(client(DomainEntry((HOST,), mode="off")))
    assert (outcome, reason, asked) == (Outcome.WARNED, "not-checked", [])


def test_a_domain_has_numbers_of_its_own() -> None:
    entry = DomainEntry((HOST,), candidates=4, quorum=3)
    outcome, reason, (asked,) = met(client(entry), "birch", "cedar")
    assert (outcome, reason, asked.quorum, len(asked.candidates)) == (Outcome.REFUSED, "quorum", 3, 4)
    assert met(client(entry), "birch", "cedar", "dogwood")[0] is Outcome.ACCEPTED


def test_a_domain_has_contexts_and_a_freshness_of_its_own() -> None:
    context = client(DomainEntry((HOST,), profile="strict", contexts=("APL",)))
    _, reason, (asked,) = met(context, "birch", "cedar")
    assert (reason, asked.contexts) == ("context-missing", ("APL",))
    context = client(DomainEntry((HOST,), profile="strict", max_voucher_hours=12))
    assert met(context, "birch", "cedar")[1] == "malformed"


def test_how_old_a_voucher_and_its_statuses_may_be_is_of_a_domain_too() -> None:
    """Those of this world were made five minutes ago, and the statuses in them an hour ago."""
    now = world.now

    def meets(ahead: timedelta, **wants: Any) -> str | None:
        context = VoucherContext(
            ClientPolicy(domains=(DomainEntry((HOST,), candidates=4, **wants),)),
            world.directory,
            bytes(32),
            clock=lambda: now + ahead,
        )
        return met(context, "birch", "cedar", "dogwood")[1]

    hour = timedelta(hours=1)
    assert meets(2 * hour, max_voucher_age_hours=3, max_status_hours=4) is None
    assert meets(2 * hour, max_voucher_age_hours=2) == "expired"
    assert meets(2 * hour, max_status_hours=2) == "status-stale"
    assert meets(2 * hour) is None


def test_the_longest_domain_counts() -> None:
    entries = DomainEntry((PARENT,), mode="enforce"), DomainEntry((HOST,), mode="warn")
    assert met(client(*entries))[0] is Outcome.WARNED
    assert met(client(*reversed(entries)))[0] is Outcome.WARNED


def test_a_directory_with_too_few_owners_for_a_domain_is_an_error_of_configuration() -> None:
    with pytest.raises(InputError, match=r"of 4 owner groups for example\.test, the quorum needs 5"):
        client(DomainEntry(("example.test",), candidates=5, quorum=5))
    with pytest.raises(InputError, match="of 4 owner groups, the quorum needs 5"):
        client(candidates=5, quorum=5)


def test_what_a_person_says_now_goes_before_every_domain() -> None:
    policy = ClientPolicy(quorum=2, domains=(DomainEntry((HOST,), mode="off", quorum=3),))
    now = policy.instead("enforce", "strict").at(HOST)
    assert (now.mode, now.numbers.quorum, now.numbers.candidates) == ("enforce", 2, 4)
    assert policy.instead(None, None) == policy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("domains = []", "domain.domains: none given"),
        ('domains = ["*.a.test"]', "domain.domains: '*.a.test' is no host name"),
        ('domains = ["192.0.2.1"]', "domain.domains: '192.0.2.1' is no host name but reads as an IP address"),
        ('domains = ["a.test", "A.test"]', "domain.domains: 'a.test' is given twice"),
        ('domains = ["a.test"]\nmode = "of"', "domain.mode: 'of' is none of off, warn, enforce"),
        ('domains = ["a.test"]\nselection = "x"', "domain.selection: 'x' is none of"),
        ('domains = ["a.test"]\nquorum = 0', "domain.quorum: 0 is outside 1..16"),
        ('domains = ["a.test"]\ncandidates = 17', "domain.candidates: 17 is outside 1..16"),
        ('domains = ["a.test"]\nmax_voucher_hours = 73', "domain.max_voucher_hours: 73 is outside 1..72"),
        ('domains = ["a.test"]\nmax_voucher_age_hours = 0', "domain.max_voucher_age_hours: 0 is outside 1..72"),
        ('domains = ["a.test"]\nmax_status_hours = 241', "domain.max_status_hours: 241 is outside 1..240"),
        ('domains = ["a.test"]\ncontexts = ["moz"]', "domain.contexts:"),
        ('domains = ["a.test"]\nmodes = "off"', "domain[0].modes: unknown key; did you mean 'mode'?"),
        ('domains = ["a.test"]\nquorum = 4', "quorum: 4 of 3 candidates cannot vouch for a.test"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "client.toml").write_text(f"[[domain]]\n{text}\n")
    with pytest.raises(InputError) as caught:
        read_policy(tmp_path / "client.toml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_vouchers_than_candidates_are_no_policy() -> None:
    with pytest.raises(ValueError, match=r"quorum: 4 of 3 candidates cannot vouch$"):
        ClientPolicy(quorum=4)


def test_which_tables_count_for_a_host(tmp_path: Path) -> None:
    (tmp_path / "client.toml").write_text(SETTINGS)
    policy = read_policy(tmp_path / "client.toml")
    found = {host: ruling(policy, host) for host in (HOST, "a.example.test", "x.corp.test", "192.0.2.1")}
    assert [(each.domain, each.intranet, each.regional) for each in found.values()] == [
        ("www.example.test", None, "example.test"),
        ("example.test", None, "example.test"),
        (None, "corp.test", None),
        (None, None, None),
    ]
    assert [(each.mode, each.quorum, each.candidates) for each in found.values()] == [
        ("off", 2, 3),
        ("enforce", 2, 4),
        ("warn", 2, 3),
        ("warn", 2, 3),
    ]
    assert (found[HOST].contexts, found[HOST].max_voucher_hours, found["192.0.2.1"].contexts) == ((), 24, None)
    assert (found["a.example.test"].selection, found["192.0.2.1"].selection) == ("regional", "sticky")


def test_a_person_asks_in_a_table_and_a_program_in_json(tmp_path: Path) -> None:
    (tmp_path / "client.toml").write_text(SETTINGS)
    arguments = [
        "policy",
        "test",
        str(tmp_path / "client.toml"),
        "B\u00fccher.test",
        "a.example.test:8443",
        "x.corp.test",
    ]
    said = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    assert said.output == TABLE
    said = CliRunner().invoke(command, [*arguments, "--format", "json"], catch_exceptions=False, standalone_mode=False)
    assert [each["host"] for each in json.loads(said.output)] == ["xn--bcher-kva.test", "a.example.test", "x.corp.test"]
    assert json.loads(said.output)[1] == {
        "host": "a.example.test",
        "domain": "example.test",
        "intranet": None,
        "regional": "example.test",
        "mode": "enforce",
        "quorum": 2,
        "candidates": 4,
        "selection": "regional",
        "contexts": None,
        "max_voucher_hours": 72,
        "max_voucher_age_hours": 6,
        "max_status_hours": 24,
        "without": ["EU"],
        "reporting": "never",
        "direct": "never",
        "audit": 0.0,
        "private": "",
    }


def test_a_person_sees_when_authorities_hear_of_a_visit(tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    path.write_text('direct = "unstapled"\nreporting = "ask"\naudit = 0.25\nprivate_domains = ["priv.test"]\n')
    arguments = ["policy", "test", str(path), "www.example.test", "a.priv.test", "nas.lan"]
    said = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False).output
    told = [line.strip() for line in said.splitlines() if line.startswith(" ")]
    assert told == [
        "direct unstapled, reporting ask, audit 0.25",
        "no authority hears of it: a.priv.test lies in priv.test, which is private",
        "no authority hears of it: nas.lan lies in lan, which is private",
    ]


TABLE = """\
host                mode     vouchers  selection  at most
xn--bcher-kva.test  off      none
  [[domain]] xn--bcher-kva.test
a.example.test      enforce  2 of 4    regional   72 h
  [[domain]] example.test, [[regional]] example.test: without EU, vouchers made
  within 6 h, statuses made within 24 h
x.corp.test         warn     none
  [[intranet]] corp.test: its private CA and fresh OCSP (M4)
"""

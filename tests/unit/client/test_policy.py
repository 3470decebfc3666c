"""`client.toml`: every key, and one clear line for each wrong one."""

from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from mecai.client.choices import Profile
from mecai.client.policy import ClientPolicy, read_policy
from mecai.errors import HostError, InputError


def read(tmp_path: Path, text: str) -> ClientPolicy:
    path = tmp_path / "client.toml"
    path.write_text(text)
    return read_policy(path)


def intranet(keys: str) -> str:
    return f'[[intranet]]\nroots = "corp.pem"\n{keys}\n'


def test_an_empty_file_means_every_default(tmp_path: Path) -> None:
    policy = read(tmp_path, "")
    assert (policy.mode, policy.selection, policy.contexts) == ("enforce", "sticky", None)
    assert policy.numbers == Profile(candidates=3, quorum=1)
    assert policy.max_voucher_lifetime == timedelta(hours=72)


def test_the_strict_profile_asks_four_and_needs_two(tmp_path: Path) -> None:
    assert read(tmp_path, 'profile = "strict"').numbers == Profile(candidates=4, quorum=2)


def test_the_state_lies_where_the_user_keeps_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert ClientPolicy().state_folder == Path("/elsewhere/mecai")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/anna")
    assert ClientPolicy().selection_key_file == Path("/home/anna/.local/state/mecai/selection.key")
    assert ClientPolicy(state=Path("/s")).selection_key_file == Path("/s/selection.key")


def test_a_private_network_is_a_table_of_its_own(tmp_path: Path) -> None:
    text = intranet('domains = ["Corp.Test.", "b\u00fccher.test", "corp"]\nnetworks = ["10.0.0.0/8"]')
    (entry,) = read(tmp_path, text).intranets
    assert entry.names == ("corp.test", "xn--bcher-kva.test", "corp")
    assert (entry.roots, entry.pins, entry.max_status_hours) == (Path("corp.pem"), (), 48)


def test_authorities_hear_of_nothing_unless_it_is_wanted(tmp_path: Path) -> None:
    policy = read(tmp_path, "")
    assert (policy.reporting, policy.report_to, policy.direct, policy.audit) == ("never", 2, "never", 0.0)
    assert policy.reports == policy.state_folder / "reports.sqlite3"


def test_what_authorities_hear_of_is_told_by_domain(tmp_path: Path) -> None:
    text = 'audit = 1\nreporting = "ask"\nprivate_domains = ["Priv.test"]\n'
    text += '[[domain]]\ndomains = ["a.test"]\nreporting = "always"\ndirect = "unstapled"\naudit = 0.25\n'
    policy = read(tmp_path, text + intranet('domains = ["corp.test"]'))
    found = [(each.reporting, each.direct, each.audit) for each in map(policy.at, ("www.a.test", "b.test"))]
    assert found == [("always", "unstapled", 0.25), ("ask", "never", 1.0)]
    assert policy.tellable.domains == ("corp.test", "priv.test")
    once = policy.instead(None, None, direct=True, audit=True)
    assert [(each.direct, each.audit) for each in map(once.at, ("www.a.test", "b.test"))] == [("unstapled", 1.0)] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('mode = "enforced"', "mode: 'enforced' is none of off, warn, enforce"),
        ('profile = "paranoid"', "profile: 'paranoid' is none of default, strict"),
        ('selection = "lucky"', "selection: 'lucky' is none of"),
        ('cache_file = "/x"', "cache_file: nothing is kept there without cache = true"),
        ('cache = true\ncache_file = "/k"\nselection_key = "/k"', "cache_file: /k is another file of this client"),
        ('reporting = "sometimes"', "reporting: 'sometimes' is none of never, ask, always"),
        ('direct = "often"', "direct: 'often' is none of never, unstapled, always"),
        ("report_to = 17", "report_to: 17 is outside 1..16"),
        ('report_file = "/k"\nselection_key = "/k"', "report_file: /k is another file of this client"),
        ('cache = true\ncache_file = "/k"\nreport_file = "/k"', "/k is another file of this client"),
        ('private_domains = ["10.0.0.1"]', "private_domains: '10.0.0.1' is no host name"),
        ("audit = 1.5", "audit: 1.5 is outside 0.0..1.0"),
        ("audit = nan", "audit: nan is outside 0.0..1.0"),
        ("audit = true", "audit: True is not a number"),
        ('[[domain]]\ndomains = ["a.test"]\naudit = -0.1', "domain.audit: -0.1 is outside 0.0..1.0"),
        ("max_voucher_hours = 73", "max_voucher_hours: 73 is outside 1..72"),
        ('nat64_prefixes = ["2001:db8::/64"]', "nat64_prefixes: 2001:db8::/64 is no IPv6 prefix of length 96"),
        ('contexts = ["moz"]', "contexts:"),
        ('modes = "warn"', "did you mean 'mode'"),
        (intranet("domains = []"), "intranet.domains: none given"),
        (intranet('domains = ["*.corp.test"]'), "intranet.domains: '*.corp.test' is no host name"),
        (intranet('domains = ["10.0.0.1"]'), "intranet.domains: '10.0.0.1' is no host name but reads as an IP address"),
        (intranet('domains = ["::1"]'), "intranet.domains: '::1' is no host name"),
        (intranet('domains = ["a.test", "A.test."]'), "intranet.domains: 'a.test' is given twice"),
        (intranet('domains = ["co.uk"]'), "intranet.domains: 'co.uk' is a public suffix"),
        (intranet('domains = ["com"]'), "intranet.domains: 'com' is a public suffix"),
        (intranet('domains = ["a.test"]\npins = ["00"]'), "intranet.pins: '00' is no SHA-256 in 64 hexadecimal digits"),
        (intranet('domains = ["a.test"]\nnetworks = ["10/8"]'), "intranet[0].networks[0]: "),
        (intranet('domains = ["a.test"]\nmax_status_hours = 241'), "intranet.max_status_hours: 241 is outside 1..240"),
        (intranet('domains = ["a.test"]\nroot = "x"'), "intranet[0].root: unknown key; did you mean 'roots'?"),
        ('[[intranet]]\ndomains = ["a.test"]', "intranet[0].roots: missing"),
        (intranet('domains = ["a.test"]') + intranet('domains = ["b.test", "a.test"]'), "'a.test' is given twice"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "client.toml"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot be read"):
        read_policy(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('domains = []\nwithout = ["EU"]', "regional.domains: none given"),
        ('domains = ["example.test"]\nwithout = []', "regional.without: none given"),
        ('domains = ["192.0.2.1"]\nwithout = ["EU"]', "regional.domains: "),
        ('domains = ["a.test", "A.test"]\nwithout = ["EU"]', "regional.domains: 'a.test' is given twice"),
    ],
)
def test_a_wrong_regional_rule_is_one_line(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"[[regional]]\n{text}\n")
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, say, whose user no passwd(5) knows."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", Mock(side_effect=RuntimeError("Could not determine home directory.")))
    with pytest.raises(HostError, match=r"has no home folder, .*; set HOME, or `state` in client.toml"):
        ClientPolicy().state_folder  # noqa: B018 - a property
    assert ClientPolicy(state=Path("/srv/state")).state_folder == Path("/srv/state")

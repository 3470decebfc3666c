"""Witnesses: what each makes of what a VAS answers, what lies in a mailbox, and what was counted."""

import json
from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.protocol.objects.request import VoucherRequest
from testbed.scenarios import journal, reading, witnesses
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.scenario import Scene, Step
from testbed.scenarios.tools import mailbox
from tests.unit.testbed.world import World

SAID = "mecai: https://vas.cedar.test: "


def scene(**asked: dict[str, object]) -> Scene:
    """Return a scene that asks witnesses with these arguments."""
    first = reading.find("honest").scenes[0]
    return Scene(first.title, (), first.choice, 0, (), 1, measured=False, verdicts={}, asked=asked)


def ask(arena: Arena, name: str, **arguments: object) -> Observed:
    return witnesses.ready(arena, name, scene(**{name: arguments}))()


def lab(world: World, folder: Path) -> Arena:
    """Return a lab where the attacker has a certificate for a domain of its own."""
    arena = world.arena(folder)
    journal.begin(arena, "mine", Step("rogue-certificate", {"name": "new-site"}))
    return arena


@pytest.mark.parametrize(
    ("said", "verdict", "reason"),
    [
        ((1, f"{SAID}disputed: certificate: disputed since 2026"), "refused", "disputed"),
        ((3, f"{SAID}too-many-requests: more than 5 requests in a minute"), "refused", "too-many-requests"),
        ((1, "mecai: the certificate is on hold; ask again after 2026-11-30T19:00:00Z"), "held", ""),
        ((0, "a voucher"), "accepted", ""),
    ],
)
def test_what_a_vas_answers_is_a_verdict(said: tuple[int, str], verdict: str, reason: str, tmp_path: Path) -> None:
    arena = lab(World(answers={"voucher": said}), tmp_path)
    for name in ("applicant", "server"):
        observed = ask(arena, name)
        assert (observed.verdict, observed.reason) == (verdict, reason)
        assert said[1] in observed.answer


@pytest.mark.parametrize(("context", "verdict"), [("", "accepted"), ("MOZ", "accepted"), ("ALT", "refused")])
def test_a_voucher_without_the_context_that_is_needed_is_none(context: str, verdict: str, tmp_path: Path) -> None:
    arena = lab(World(answers={"voucher": (0, '{"trustContexts": ["MOZ"]}')}), tmp_path)
    observed = ask(arena, "applicant", context=context)
    assert (observed.verdict, observed.reason) == (verdict, "context-missing" if verdict == "refused" else "")


def test_a_vas_that_does_not_answer_is_no_verdict(tmp_path: Path) -> None:
    arena = lab(World(answers={"voucher": (3, "mecai: vas.cedar.test: Connection refused")}), tmp_path)
    with pytest.raises(HostError, match=r"attacker: mecai voucher request: exit code 3: mecai: vas\.cedar"):
        ask(arena, "applicant")


def test_who_waits_asks_until_the_hold_is_over(tmp_path: Path) -> None:
    world = World()
    held = (1, "the certificate is on hold; ask again after then")
    arena = lab(world, tmp_path)
    run, asked = arena.run, list[str]()

    def answering(host: str, command: list[str], stdin: str) -> object:
        if "request" in command:
            asked.append(host)
            world.answers = {"voucher": held if len(asked) < 2 else (0, "a voucher")}
        return run(host, command, stdin)

    arena = Arena(arena.lab, arena.plan, answering)  # type: ignore[arg-type]
    assert ask(arena, "applicant", waits=5).verdict == "accepted"
    assert asked == ["attacker", "attacker"]


def test_a_crowd_asks_for_each_of_many(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    journal.begin(arena, "mine", Step("many-certificates", {"count": 3}))
    assert ask(arena, "crowd", tag="flood", each="another", times=3).answer.startswith("3 times: accepted")
    asked = [
        VoucherRequest.decode(body.encode("latin-1")) for _, url, body in world.posted if url.endswith("/v1/vouchers")
    ]
    assert [each.chain[0].serial_number for each in asked] == [1, 2, 3]
    world.refusing = "too-many-requests"
    assert ask(arena, "crowd", tag="flood-0", times=2).answer.startswith("2 times: refused too-many-requests")
    journal.stop(arena)
    assert world.clean
    assert len(world.revoked) == 3


@pytest.mark.parametrize(("refusing", "verdict"), [("", "accepted"), ("not-proved", "refused")])
def test_an_objector_says_which_certificate_and_whose_domain(refusing: str, verdict: str, tmp_path: Path) -> None:
    world = World()
    arena, world.refusing = lab(world, tmp_path), refusing
    observed = ask(arena, "objector")
    assert (observed.verdict, observed.reason) == (verdict, refusing)
    [(host, url, body)] = world.posted
    assert (host, url) == ("registrar", "https://vas.cedar.test/v1/complaints")
    assert json.loads(body)["domain"] == f"www.run-{arena.token}.test"
    assert len(json.loads(body)["certificate"]) == 64


def test_a_reporter_reports_at_another_address_each_time(tmp_path: Path) -> None:
    world = World()
    arena = lab(world, tmp_path)
    assert ask(arena, "reporter", times=25).verdict == "accepted"
    reports = [json.loads(body) for _, url, body in world.posted if url.endswith("/v1/reports")]
    assert len({report["address"] for report in reports}) == 25
    assert {report["reason"] for report in reports} == {"no-voucher"}
    assert ask(arena, "reader").verdict == "untold"


def mail(**changes: object) -> dict[str, object]:
    """Return a mail of cedar's in the inbox, its signature good."""
    return {"folder": "", "from": "notary@cedar.test", "subject": "certificate for x", "signed": True, **changes}


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        ([mail()], "told", ""),
        ([mail(signed=False)], "untold", "bad-signature"),
        ([mail(folder=".known")], "untold", "filed"),
        ([mail(**{"from": "notary@birch.test"})], "untold", ""),
        ([], "untold", ""),
    ],
)
def test_an_owner_is_told_by_a_signed_mail_that_lies_before_him(
    found: list[dict[str, object]], verdict: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    arena, world.mails = lab(world, tmp_path), found
    monkeypatch.setattr("testbed.scenarios.witnesses.owner._SECONDS", 0)
    observed = ask(arena, "owner")
    assert (observed.verdict, observed.reason) == (verdict, reason)


DIGEST = mail(subject="certificates for run: 4 more of 2026-11-27")


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        ([mail()] * 20 + [DIGEST], "bounded", ""),
        ([mail()] * 20 + [mail(subject="certificates for 2 domains: 8 more of 2026-11-27")], "bounded", ""),
        ([mail()] * 21 + [DIGEST], "unbounded", "too-many"),
        ([mail()] * 20, "unbounded", "no-digest"),
        ([mail(), {**DIGEST, "signed": False}], "unbounded", "no-digest"),
        ([DIGEST], "unbounded", "no-mail"),
    ],
)
def test_a_postmaster_wants_so_many_mails_and_a_digest(
    found: list[dict[str, object]], verdict: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    arena, world.mails = world.arena(tmp_path), found
    monkeypatch.setattr("testbed.scenarios.witnesses.postmaster._SECONDS", 0)
    observed = ask(arena, "postmaster")
    assert (observed.verdict, observed.reason) == (verdict, reason)


@pytest.mark.parametrize(("most", "verdict"), [(3, "bounded"), (2, "unbounded")])
def test_a_victim_counts_both_families(most: int, verdict: str, tmp_path: Path) -> None:
    arena = World().arena(tmp_path)
    with pytest.raises(HostError, match=r"www: nft list table inet watch"):
        ask(arena, "victim", most=most)
    journal.begin(arena, "mine", Step("watch", {}))
    assert ask(arena, "victim", most=most).verdict == verdict
    with pytest.raises(HostError, match=r"^www: 3 connections, expected 4 at least: it is not watched$"):
        ask(arena, "victim", least=4, most=6)


def test_each_run_has_a_domain_of_its_own(tmp_path: Path) -> None:
    arena = World().arena(tmp_path)
    assert arena.name("new-site") != arena.anew().name("new-site")
    assert arena.name("new-site") == arena.name("new-site")


def test_settings_hold_until_the_scenario_ends(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    journal.begin(arena, "mine", Step("policy", {"of": ["second", "third"], "hold_seconds": 20}))
    assert world.settled == {"cedar", "dogwood"}
    [changed] = [words for words in world.commands if words.startswith("cedar: sh -c set -e")]
    assert changed.endswith('sh /etc/mecai/vas.toml hold = "PT20S"')  # and no setting that was not given
    journal.stop(arena)
    assert world.clean


def test_the_owner_of_a_new_domain_has_three_addresses(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    journal.begin(arena, "mine", Step("domain", {"to": "server"}))
    site = arena.name("new-site")
    kinds = {name: [record.split()[2] for record in records] for name, records in world.zone.items()}
    assert kinds == {f"{site}.": ["A", "AAAA"], f"{site.partition('.')[2]}.": ["CAA"] * 3}
    journal.stop(arena)
    assert world.clean


def test_openssl_says_whether_a_signature_is_good() -> None:
    signed, said = mailbox._verified(b"Subject: x\r\n\r\nno signature\r\n", "no root", "notary@cedar.test")
    assert not signed
    assert said

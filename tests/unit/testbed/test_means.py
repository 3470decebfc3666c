"""Single means of the attacker: what exactly they change, and what they will not put up with."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from mecai.errors import HostError
from testbed.scenarios import casting, journal, vas
from testbed.scenarios.arena import Arena
from testbed.scenarios.scenario import Step
from tests.unit.testbed.laid import INTERNET
from tests.unit.testbed.world import World


def begin(arena: Arena, *steps: tuple[str, dict[str, object]]) -> None:
    for mean, arguments in steps:
        journal.begin(arena, "mine", Step(mean, arguments))


def test_hosts_may_be_named_by_their_role(tmp_path: Path) -> None:
    arena = World().arena(tmp_path, INTERNET)
    step = casting.resolved(arena, Step("distrust", {"to": ["publisher", "client"]}))
    assert step.arguments["to"] == ["alt", "client-a", "client-b"]


def test_a_service_is_denied_at_its_own_door(tmp_path: Path) -> None:
    """Also to neighbours, whose packets pass no router; the host itself still reaches it."""
    world = World()
    arena = world.arena(tmp_path)
    rules: list[str] = []
    run = arena.run

    def watching(host: str, command: list[str], stdin: str) -> object:
        rules.append(stdin)
        return run(host, command, stdin)

    arena = replace(arena, run=watching)  # type: ignore[arg-type]
    begin(arena, ("deny", {"host": "private_ca", "service": "ocsp"}))
    assert world.rules == {"corp-ca: deny-ocsp"}
    assert "hook input" in rules[-1]
    assert "iifname != lo tcp dport 80 reject" in rules[-1]
    journal.stop(arena)
    assert world.clean


def test_what_an_intranets_resolver_says_by_itself_comes_back(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    begin(arena, ("poison-dns", {"near": "insider", "name": "intranet-site"}))
    said = {record for record in world.told if record.startswith("intranet.corp.test. ")}
    attacker = arena.plan.addresses("attacker")
    assert said == {f"intranet.corp.test. 1 IN {kind} {at}" for kind, at in zip(("A", "AAAA"), attacker, strict=True)}
    journal.stop(arena)
    assert world.clean


def test_a_name_is_led_to_one_of_a_hosts_addresses(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path, INTERNET)
    for number in (1, 2):
        begin(arena, ("poison-dns", {"name": "shared-site", "to": "edge", "address": number}))
        addresses = {record.split()[-1] for record in world.lies}
        assert addresses == set(INTERNET.every_address("cdn-west")[2 * number - 2 : 2 * number])
    with pytest.raises(HostError, match="cdn-east has no address number 2"):
        begin(arena, ("poison-dns", {"name": "shared-site", "to": "other_edge", "address": 2}))


def test_authorities_that_hear_of_a_distrust_have_vouchers_renewed(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    refresh = "www: mecai sidecar refresh"
    begin(arena, ("distrust", {"to": ["client"]}))
    assert (set(world.directories), refresh in world.commands) == ({"client"}, False)
    begin(arena, ("distrust", {"ca": "issuer", "to": ["authority"]}))
    assert set(world.directories) == {"client", "alder", "birch", "cedar", "dogwood"}
    assert world.commands.count(refresh) == 1
    journal.stop(arena)
    assert world.clean
    assert world.commands.count(refresh) == 2


def test_a_client_gets_a_directory_that_the_vendor_shows_nobody_else(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    begin(arena, ("directory", {"manner": "expired"}))
    assert (world.directories, world.served) == ({"client": "expired"}, 0)


def test_authorities_fetch_by_themselves_what_the_vendor_publishes(tmp_path: Path) -> None:
    """Nobody tells them; all have the same in the end."""
    world = World()
    arena = world.arena(tmp_path)
    begin(arena, ("fetched-context", {}), ("new-context", {"ca": "rogue"}))
    assert (world.signed, world.served, world.directories) == (["distrusting"], 1, {})
    assert world.units == {"cedar: scenario-contexts"}
    [repeated] = [words for words in world.commands if "systemd-run" in words]
    assert repeated.endswith("-- runuser -u mecai-vas -- /opt/mecai/venv/bin/mecai vas context refresh")
    journal.stop(arena)
    assert world.clean
    assert world.published["cedar"] == world.served == 2


@pytest.mark.parametrize(("codes", "asked"), [([0], 1), ([1], 1), ([3, 3, 0], 3)], ids=["kept", "refused", "late"])
def test_a_publisher_may_be_out_of_reach_for_a_while(tmp_path: Path, codes: list[int], asked: int) -> None:
    """Whoever restored routes or names a moment ago has them again when they have got around."""
    told: list[str] = []

    def run(host: str, command: Sequence[str], _stdin: str) -> CompletedProcess[str]:
        told.append(f"{host}: {command[-1]}")
        return CompletedProcess(command, codes[len(told) - 1], "", "")

    vas.fetch(replace(World().arena(tmp_path), run=run), "birch", "MOZ")
    assert told == ["birch: MOZ"] * asked


def test_all_are_left_with_the_same_directory(tmp_path: Path) -> None:
    """Whoever got a false one: one with less than its publisher would take for new what others know to be old."""
    world = World()
    arena = world.arena(tmp_path)
    begin(arena, ("distrust", {"to": ["authority"]}), ("directory", {"manner": "rolled-back"}))
    journal.stop(arena)
    readers = {"alder", "birch", "cedar", "dogwood", "www", "client", "desk", "attacker"}
    assert set(world.published) == readers
    assert len(set(world.published.values())) == 1


HAUL: tuple[tuple[str, dict[str, object]], ...] = (
    ("intermediate", {"of": "rogue"}),
    ("rogue-certificate", {"signer": "intermediate", "tag": "below"}),
)


def test_an_intermediate_of_the_attackers_is_issued_by_the_root_and_revoked_at_the_end(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    begin(arena, *HAUL)
    [issued] = [words for words in world.commands if "mecai ca issue " in words]
    assert issued.startswith("birch: ")
    assert "--profile issuing" in issued
    assert "--dns" not in issued
    assert world.valid == {"1"}  # what the attacker signs himself no authority knows
    assert set(world.directories.values()) == {"listing"}  # D5: a CA that nobody lists would lead nowhere
    journal.stop(arena)
    assert world.clean
    assert world.revoked == {"1"}


def test_an_authority_that_must_refuse_is_held_to_its_answer(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    asked = ("obtained-voucher", {"of": "third", "tag": "below", "answer": "revoked"})
    begin(arena, *HAUL)
    with pytest.raises(HostError, match="dogwood: expected the answer revoked, saw a voucher"):
        begin(arena, asked)
    begin(arena, ("revoke", {"by": "rogue", "tag": "intermediate"}), asked)
    with pytest.raises(HostError, match=r"expected the answer distrusted, saw .*revoked"):
        begin(arena, ("obtained-voucher", {**asked[1], "answer": "distrusted"}))


def test_a_script_that_fails_is_told_in_one_line(tmp_path: Path) -> None:
    arena = World(broken="respout").arena(tmp_path)
    with pytest.raises(HostError) as caught:
        begin(arena, ("rogue-certificate", {}))
    said = str(caught.value)
    assert said.startswith("birch: bash -c own=$(sed -u /^-----END/q) ")
    assert "\n" not in said

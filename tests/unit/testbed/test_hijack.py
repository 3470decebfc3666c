"""A hijack announces what was meant, to whom it was meant, and is withdrawn however often one asks."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from mecai.errors import InputError
from testbed.scenarios import casting, engine, evidence, journal, reading, routing
from testbed.scenarios.arena import Arena
from testbed.scenarios.scenario import Choice, Scenario, Scene, Step
from tests.unit.testbed.laid import INTERNET
from tests.unit.testbed.played import Stage
from tests.unit.testbed.world import World

ADDED = "r-attacker:/etc/bird/added/"


@dataclass
class Played:
    """A hijack that began."""

    world: World
    arena: Arena

    @property
    def announced(self) -> str:
        """What BIRD was given, but its blanks."""
        return " ".join(" ".join(text for name, text in self.world.files.items() if name.startswith(ADDED)).split())

    @property
    def asked(self) -> set[str]:
        """The routers that were asked whether they had heard."""
        return {line.partition(":")[0] for line in self.world.commands if "birdc show route" in line}


def play(folder: Path, **arguments: str) -> Played:
    world = World()
    arena = world.arena(folder, INTERNET)
    arena.lab.directory.mkdir(parents=True)
    journal.begin(arena, "mine", Step("hijack", arguments))
    return Played(world, arena)


def test_an_equal_prefix_leads_on_to_its_owner(tmp_path: Path) -> None:
    played = play(tmp_path)
    assert "route 198.18.2.0/24 via 198.18.9.2;" in played.announced
    assert "route 2001:db8:2::/48 via 2001:db8:9::2;" in played.announced
    assert played.world.rules == {"r-attacker: hijack_everywhere_equal"}


def test_a_more_specific_prefix_is_the_half_in_which_the_server_is(tmp_path: Path) -> None:
    announced = play(tmp_path, prefix="specific").announced
    assert "route 198.18.2.0/25 via 198.18.9.2;" in announced
    assert "route 2001:db8:2::/49 via 2001:db8:9::2;" in announced


def test_everybody_hears_it_but_the_owner_who_would_not_believe_it(tmp_path: Path) -> None:
    played = play(tmp_path)
    assert played.asked == {"r-home-a", "r-ca-west", "r-home-b", "r-ca-east"}
    assert "(64666, 4, 64602)" in played.announced
    assert "65281" not in played.announced


def test_near_a_host_its_network_alone_hears_it_and_tells_nobody(tmp_path: Path) -> None:
    played = play(tmp_path, near="client-b")
    assert played.asked == {"r-home-b"}
    withheld = {system for system in range(64601, 64606) if f"(64666, 4, {system})" in played.announced}
    assert withheld == {64601, 64602, 64603, 64605}
    assert "bgp_community.add((65535, 65281));" in played.announced


def test_two_are_under_way_side_by_side_and_end_wholly(tmp_path: Path) -> None:
    played = play(tmp_path)
    journal.begin(played.arena, "mine", Step("hijack", {"near": "client", "prefix": "specific"}))
    assert len([name for name in played.world.files if name.startswith(ADDED)]) == 2
    journal.stop(played.arena)
    assert played.world.clean
    assert played.world.commands.count("r-attacker: birdc configure") == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"near": "attacker"}, "r-attacker meets no router that would hear a prefix of r-hosting, near attacker"),
        ({"near": "server"}, "r-attacker meets no router that would hear a prefix of r-hosting, near www"),
        ({"prefix_of": "intranet"}, "r-attacker meets firewall nowhere: expected the router of intranet beside it"),
    ],
)
def test_whom_the_attackers_system_does_not_meet_it_cannot_deceive(
    arguments: dict[str, str], said: str, tmp_path: Path
) -> None:
    world = World()
    scene = Scene("", (Step("hijack", arguments),), Choice(), 0, (), 1, measured=False, verdicts={})
    with pytest.raises(InputError) as caught:
        casting.check(world.arena(tmp_path, INTERNET), Scenario("mine", 12, "", "", "", (), "", (scene,)))
    assert str(caught.value) == said
    assert world.commands == []


def test_where_nobody_routes_by_bgp_there_are_no_tables(tmp_path: Path) -> None:
    assert routing.tables(World().arena(tmp_path)) == ""


def test_the_tables_are_those_of_every_router_that_learns(tmp_path: Path) -> None:
    world = World()
    routing.tables(world.arena(tmp_path, INTERNET))
    assert [line.partition(":")[0] for line in world.commands] == [
        "r-home-a", "r-hosting", "r-ca-west", "r-home-b", "r-ca-east", "r-attacker",
    ]  # fmt: skip


def test_the_tables_before_and_during_each_scene_are_evidence(stage: Stage) -> None:
    engine.play(stage.driver, stage.arena, reading.find("hijack-near-client"), stage.watch)
    kept = evidence.folder(stage.arena.lab, "hijack-near-client")
    assert sorted(file.name for file in kept.glob("*-routes.txt")) == ["0-routes.txt", "1-routes.txt", "2-routes.txt"]

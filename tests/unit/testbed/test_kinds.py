"""Kinds of client: who asks, by whose directory and in whose context, and how long until one says what it must."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.errors import InputError
from testbed.machine.limits import LIMITS
from testbed.model import plan
from testbed.roles import ROLES
from testbed.scenarios import clients, engine, evidence, journal, kinds, reading
from testbed.scenarios.scenario import Expected, Scene, Step
from tests.unit.testbed.fakes import FakeDriver
from tests.unit.testbed.laid import INTERNET
from tests.unit.testbed.played import Stage
from tests.unit.testbed.world import PLAN, World

PLAIN_SCENE = reading.find("honest").scenes[0]


@pytest.mark.parametrize(
    ("kind", "host", "contexts", "directory"),
    [
        ("sticky", "client-a", ["MOZ"], None),
        ("alternative", "client-a", ["ALT"], "/etc/mecai/contexts/ALT/directory.der"),
        ("intranet", "desk", ["MOZ"], None),
    ],
)
def test_a_kind_asks_from_its_host_with_its_publishers_context(
    kind: str, host: str, contexts: list[str], directory: str | None, tmp_path: Path
) -> None:
    arena = World().arena(tmp_path, INTERNET)
    settings = kinds.settings(arena, kind)
    assert (kinds.host_of(arena, kind), settings["contexts"], settings.get("directory")) == (host, contexts, directory)


def test_a_client_finds_what_its_kind_goes_by() -> None:
    """The directory of another publisher lies on the host where the kind is."""
    host = INTERNET.topology.host("client-a")
    [further] = ROLES["client"].variables(INTERNET, host)["directory_consumer_contexts"]
    assert further["name"] == "ALT"
    assert "directory_consumer_contexts" not in ROLES["client"].variables(PLAN, PLAN.topology.host("client"))


_ROLES_OF = {"insider": ["intranet_client"], "publisher": ["publisher"], "client": ["client"]}


@pytest.mark.parametrize(("kind", "word"), [("intranet", "insider"), ("alternative", "publisher"), ("plain", "client")])
def test_a_kind_that_nobody_plays_is_told(kind: str, word: str, tmp_path: Path) -> None:
    few = tuple(host for host in PLAN.topology.hosts if host.role not in _ROLES_OF[word])
    arena = World().arena(tmp_path, plan.make(replace(PLAN.topology, hosts=few)))
    with pytest.raises(InputError, match=f"topology small: nobody plays '{word}'"):
        kinds.check(arena, kind)


def test_a_forged_voucher_bears_the_contexts_of_whom_it_is_for(tmp_path: Path) -> None:
    told: list[list[str]] = []

    class Signing(World):
        def _tool(self, text: str, stdin: str) -> str:
            told.append(json.loads(stdin).get("contexts"))
            return super()._tool(text, stdin)

    arena = Signing().arena(tmp_path, INTERNET)
    for step in (
        Step("rogue-certificate", {}),
        Step("forged-voucher", {}),
        Step("forged-voucher", {"for": "alternative"}),
    ):
        journal.begin(arena, "mine", step)
    assert told == [["MOZ"], ["ALT"]]


class Distrusting(World):
    """Its clients refuse when they have asked twice after the directory came."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def _answer(self) -> tuple[int, str]:
        self.asked = self.asked + 1 if self.directories else 0
        verdict, reason = ("refused", "distrusted") if self.asked > 1 else ("accepted", None)
        return 0, json.dumps({"verdict": verdict, "reason": reason, "candidates": []})


def measured(*verdicts: tuple[str, Expected]) -> Scene:
    step = Step("distrust", {"ca": "rogue"})
    return replace(PLAIN_SCENE, steps=(step,), measured=True, verdicts=dict(verdicts))


def test_each_client_is_asked_anew_until_it_says_what_it_must(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory comes for each of them, and goes: nobody's seconds count in another's."""
    monkeypatch.setattr(engine, "LIMITS", LIMITS)
    stage.world = Distrusting()
    stage.arena = stage.world.arena(stage.arena.lab.labs, INTERNET)
    refused = Expected("refused", ("distrusted",))
    scene = measured(("plain", Expected("accepted")), ("sticky", refused), ("strict", refused))
    played = engine.play(stage.driver, stage.arena, replace(reading.find("honest"), scenes=(scene,)), print)
    assert played.good
    plain, sticky, strict = (row.observed.seconds for row in played.rows)
    assert plain is None
    assert sticky is not None
    assert strict is not None
    assert str(played.rows[1].observed) == f"refused distrusted, after {sticky:.1f} s"
    assert stage.world.signed == ["distrusting", "honest"] * len(scene.verdicts)
    assert stage.world.clean


def test_who_never_refuses_has_no_seconds_and_differs(stage: Stage) -> None:
    scene = measured(("plain", Expected("refused")))
    played = engine.play(stage.driver, stage.arena, replace(reading.find("honest"), scenes=(scene,)), print)
    assert (played.good, played.rows[0].observed.seconds) == (False, None)


def test_what_was_under_way_before_a_measured_scene_stays(stage: Stage) -> None:
    lie = replace(PLAIN_SCENE, steps=(Step("poison-dns", {}),), verdicts={})
    scene = measured(("plain", Expected("accepted", (), "attacker")), ("plain", Expected("accepted", (), "attacker")))
    scenes = (lie, scene, replace(PLAIN_SCENE, verdicts={"plain": Expected("accepted", (), "attacker")}))
    played = engine.play(stage.driver, stage.arena, replace(reading.find("honest"), scenes=scenes), print)
    assert played.good
    assert stage.world.clean


def test_evidence_is_of_every_host_that_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets in a file each, keys in one, which Wireshark takes."""
    recorded: list[tuple[str, str]] = []

    class Recording:
        def __enter__(self) -> None:
            return

        def __exit__(self, *_: object) -> None:
            return

    def recording(_driver: object, wire: evidence.Wire, into: Path) -> Recording:
        recorded.append((wire.host, into.name))
        return Recording()

    monkeypatch.setattr("testbed.scenarios.recorder.recording", recording)
    arena = World().arena(tmp_path)
    with evidence.recording(FakeDriver(arena.lab), ["client", "desk"], tmp_path):
        assert recorded == [("client", "capture.pcap"), ("desk", "desk.pcap")]


def test_a_clients_settings_are_its_hosts_and_its_own(tmp_path: Path) -> None:
    written: list[str] = []

    class Writing(World):
        def _script(self, host: str, script: str, words: list[str], stdin: str) -> str:  # type: ignore[override]
            written.extend(words)
            return super()._script(host, script, words, stdin)

    clients.ready(Writing().arena(tmp_path), "strict", PLAIN_SCENE)
    settings = tomllib.loads(written[1])
    assert (settings["contexts"], settings["profile"]) == (["MOZ"], "strict")
    assert settings["state"] == f"{clients.FOLDER}/strict"

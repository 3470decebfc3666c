"""Scenarios: what a file may say, whom it needs, how verdicts are compared, and that whatever happens is undone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mecai.errors import HostError, InputError
from testbed.model import plan
from testbed.scenarios import casting, engine, journal, reading
from testbed.scenarios.clients import Observed
from testbed.scenarios.engine import Row
from testbed.scenarios.means import MEANS
from testbed.scenarios.scenario import Expected, Scenario, Step
from tests.unit.testbed.laid import INTERNET
from tests.unit.testbed.played import Stage
from tests.unit.testbed.world import PLAN, World

ATTACK = reading.find("rogue-no-voucher")
GOOD = yaml.safe_load((reading.BUILT_IN / "rogue-no-voucher.yml").read_text(encoding="utf-8"))


def written(folder: Path, **changes: object) -> Path:
    """Write a scenario file that differs from a good one."""
    path = folder / "mine.yml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}), encoding="utf-8")
    return path


def scene(**changes: object) -> list[dict[str, object]]:
    """Return scenes that differ from good ones."""
    return [{**GOOD["scenes"][0], **changes}]


def test_the_small_lab_leaves_out_what_it_has_nobody_for(tmp_path: Path) -> None:
    found = reading.catalogue()
    assert found[0].name == "honest"
    assert len({scenario.name for scenario in found}) == len(found)
    assert casting.left_out(World().arena(tmp_path), found) == {
        "two-contexts": "topology small: nobody plays 'publisher': name another lab with --lab",
        "one-name-many-servers": "topology small: nobody plays 'edge': name another lab with --lab",
        "starttls": "topology small: nobody plays 'mail_server': name another lab with --lab",
        "hijack-near-client": "topology small: nobody plays 'border': name another lab with --lab",
        "hijack-near-va": "topology small: nobody plays 'border': name another lab with --lab",
        "watched-near-va": "topology small: nobody plays 'watchful': name another lab with --lab",
        "watched-hijack": "topology small: nobody plays 'watchful': name another lab with --lab",
        "hijack-everywhere": "topology small: nobody plays 'border': name another lab with --lab",
    }


def test_the_internet_has_everybody(tmp_path: Path) -> None:
    assert casting.left_out(World().arena(tmp_path, INTERNET), reading.catalogue()) == {}


@pytest.mark.parametrize("scenario", reading.catalogue(), ids=lambda scenario: scenario.name)
def test_every_scenario_is_played_and_leaves_nothing(scenario: Scenario, stage: Stage) -> None:
    """Twice, as people do; what each changes is there in between, so that something is undone."""
    for _ in range(2):
        played = engine.play(stage.driver, stage.arena, scenario, stage.watch)
        assert len(played.rows) == sum(len(scene.verdicts) for scene in scenario.scenes)
        assert stage.world.clean
        assert journal.read(stage.arena.lab) is None
    assert stage.changed == any(scene.steps for scene in scenario.scenes)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"title": 3}, "title: saw 3; expected one line"),
        ({"scenes": []}, "scenes: saw []; expected a list of scenes, one at least"),
        ({"threats": "many"}, "the file: saw the unknown key 'threats'; expected a mapping with the keys"),
        ({"scenes": scene(steps=[{"teleport": {}}])}, "scenes.0.steps.0.teleport: saw no such means; expected one of"),
        (
            {"scenes": scene(steps=[{"poison-dns": {"nera": "client"}}])},
            "scenes.0.steps.0.poison-dns.nera: saw an unknown argument; expected one of near, name, to",
        ),
        (
            {"scenes": scene(service="gopher")},
            "scenes.0.service: saw 'gopher'; expected https, imap, imaps or smtp: what the clients ask for",
        ),
        (
            {"scenes": scene(steps=[{"poison-dns": {"near": 3}}])},
            "scenes.0.steps.0.poison-dns.near: saw 3; expected a word",
        ),
        (
            {"scenes": scene(steps=[{"forged-voucher": {"fault": "ugly"}}])},
            "scenes.0.steps.0.forged-voucher.fault: saw 'ugly'; expected one of expired, future,",
        ),
        (
            {"scenes": scene(verdicts={"browser": {"verdict": "accepted"}})},
            "scenes.0.verdicts.browser: saw no such kind of client, and no such witness; expected one of plain, warn",
        ),
        (
            {"scenes": scene(verdicts={"plain": {"verdict": "maybe"}})},
            "scenes.0.verdicts.plain.verdict: saw maybe; expected one of accepted, warned, refused",
        ),
        (
            {"scenes": scene(verdicts={"applicant": {"verdict": "warned"}})},
            "scenes.0.verdicts.applicant.verdict: saw warned; expected one of accepted, held, refused",
        ),
        (
            {"scenes": scene(verdicts={"applicant": {"verdict": "refused", "reason": "no-voucher"}})},
            "scenes.0.verdicts.applicant.reason: saw 'no-voucher'; expected one of malformed, untrusted, revoked,",
        ),
        (
            {"scenes": scene(verdicts={"applicant": {"verdict": "accepted", "page": "site"}})},
            "scenes.0.verdicts.applicant.page: saw one; expected none of a witness, who is shown no page",
        ),
        (
            {"scenes": scene(verdicts={"applicant": {"verdict": "held"}}, asked={"applicant": {"from": "server"}})},
            "scenes.0.asked.applicant.from: saw an unknown argument; expected one of of, by, tag",
        ),
        (
            {"scenes": scene(asked={"plain": {}})},
            "scenes.0.asked.plain: saw no such witness with a verdict; expected one of applicant, crowd, objector",
        ),
        (
            {"scenes": scene(verdicts={"sticky": {"verdict": "refused", "reason": "no-coffee"}})},
            "scenes.0.verdicts.sticky.reason: saw 'no-coffee'; expected a reason code",
        ),
        (
            {"scenes": scene(verdicts={"sticky": {"verdict": "accepted", "reason": "no-voucher"}})},
            "scenes.0.verdicts.sticky.reason: saw no-voucher; expected none where the verdict is accepted",
        ),
    ],
)
def test_a_fault_is_one_line_with_file_key_and_fix(changes: dict[str, object], fault: str, tmp_path: Path) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        reading.load(path)
    assert str(caught.value).replace("'maybe'", "maybe").startswith(f"{path}: {fault}")
    assert "\n" not in str(caught.value)


def test_a_scenario_of_ones_own_is_read(tmp_path: Path) -> None:
    mine = reading.find(str(written(tmp_path)))
    assert (mine.name, mine.scenes) == ("mine", ATTACK.scenes)


def test_an_unknown_scenario_is_told_where_names_are() -> None:
    with pytest.raises(InputError, match="no scenario 'nothing': testbed attack list names them"):
        reading.find("nothing")


@pytest.mark.parametrize("word", ["nobody", "sixth"])
def test_a_host_that_nobody_plays_is_told_before_anything_begins(word: str, tmp_path: Path) -> None:
    world = World()
    mine = reading.load(written(tmp_path, scenes=scene(steps=[{"poison-dns": {"to": word}}])))
    with pytest.raises(InputError, match=f"topology small: nobody plays '{word}'"):
        engine.start(world.arena(tmp_path), mine, print)
    assert world.commands == []


def test_a_lab_without_an_attacker_is_told(tmp_path: Path) -> None:
    small = PLAN.topology
    smaller = plan.make(replace(small, hosts=tuple(host for host in small.hosts if host.role != "attacker")))
    with pytest.raises(InputError, match="nobody plays 'attacker'"):
        engine.start(World().arena(tmp_path, smaller), ATTACK, print)


def test_a_started_scenario_stays_until_it_is_stopped(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    engine.start(arena, ATTACK, lambda _text: None)
    assert world.lies
    known = journal.read(arena.lab)
    assert known is not None
    assert (known.scenario, [step.mean for step in known.steps]) == (
        "rogue-no-voucher",
        ["rogue-certificate", "impersonate", "poison-dns"],
    )
    assert journal.stop(arena) == ["rogue-certificate", "impersonate", "poison-dns"]
    assert world.clean
    assert journal.read(arena.lab) is None


@pytest.mark.parametrize("broken", ["ca issue", "tee", "nginx -q", "local_data www"])
def test_a_start_that_fails_half_way_leaves_nothing(broken: str, tmp_path: Path) -> None:
    world = World(broken=broken)
    with pytest.raises(HostError, match=r"scenario rogue-no-voucher, [a-z-]+: .*broken"):
        engine.start(world.arena(tmp_path), ATTACK, lambda _text: None)
    assert world.clean
    assert journal.read(world.arena(tmp_path).lab) is None


def test_what_will_not_stop_stays_written_down_and_the_rest_stops(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    engine.start(arena, ATTACK, lambda _text: None)
    world.broken = "local_data_remove"
    with pytest.raises(HostError, match="broken"):
        journal.stop(arena)
    known = journal.read(arena.lab)
    assert known is not None
    assert [step.mean for step in known.steps] == ["poison-dns"]
    assert not world.files
    assert not world.valid
    world.broken = ""
    assert journal.stop(arena) == ["poison-dns"]
    assert world.clean


def test_a_step_is_written_down_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arena = World().arena(tmp_path)
    seen: list[journal.Journal | None] = []
    spying = replace(MEANS["poison-dns"], start=lambda _arena, _arguments: seen.append(journal.read(arena.lab)))
    monkeypatch.setitem(MEANS, "poison-dns", spying)
    journal.begin(arena, "mine", Step("poison-dns", {}))
    arguments = {"near": "client", "name": "www.example.test", "to": "attacker", "address": 1}
    assert seen == [journal.Journal("mine", (Step("poison-dns", arguments),))]


@pytest.mark.parametrize("mean", sorted(MEANS))
def test_every_means_can_be_stopped_where_nothing_began(mean: str, tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path, INTERNET)
    words = {"manner": "strip", "host": "rogue", "of": "rogue", "by": "rogue", "tag": "mine"}
    needed = (name for name, parameter in MEANS[mean].parameters.items() if parameter.default is None)
    step = casting.resolved(arena, Step(mean, {name: words[name] for name in needed}))
    MEANS[mean].stop(arena, step.arguments)
    assert not world.lies
    assert not world.valid
    assert not [name for name in world.files if name.startswith("attacker:")]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"scenario": "x", "steps": [{"mean": 1}]}'])
def test_a_damaged_journal_is_one_line(text: str, tmp_path: Path) -> None:
    lab = World().arena(tmp_path).lab
    lab.directory.mkdir(parents=True)
    (lab.directory / "attack.json").write_text(text, encoding="utf-8")
    with pytest.raises(HostError, match=r"attack\.json: damaged"):
        journal.read(lab)


@pytest.mark.parametrize(
    ("expected", "observed", "good"),
    [
        (Expected("accepted"), ("accepted", "", "site"), True),
        (Expected("accepted", (), "site"), ("accepted", "", "attacker"), False),
        (Expected("refused", ("quorum", "no-voucher")), ("refused", "no-voucher", ""), True),
        (Expected("refused", ("quorum",)), ("refused", "no-voucher", ""), False),
        (Expected("refused"), ("accepted", "", "site"), False),
        (Expected("warned", ("no-voucher",), "attacker"), ("warned", "no-voucher", "attacker"), True),
    ],
)
def test_a_verdict_is_compared_as_far_as_it_was_said(
    expected: Expected, observed: tuple[str, str, str], good: bool, tmp_path: Path
) -> None:
    assert Row(1, "", "sticky", expected, Observed(*observed, json.dumps({})), tmp_path).good is good

"""A site with a slot: what its nginx and its sidecar are told, who turns it, and how visits are counted."""

import json
import os
import shlex
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from mecai.errors import HostError
from testbed.machine.limits import LIMITS
from testbed.scenarios import engine, journal, reading, slots
from testbed.scenarios.hosts import Completed
from testbed.scenarios.scenario import Step
from testbed.scenarios.tools import visit as tool
from testbed.scenarios.witnesses import visitor
from tests.patience import SECONDS
from tests.pki import Hierarchy
from tests.unit.testbed.played import Stage
from tests.unit.testbed.slotted import NOW, Visit, visit
from tests.unit.testbed.test_witnesses import ask
from tests.unit.testbed.world import World

BEFORE, AFTER = NOW - 1, NOW + 1


def both(began: float = AFTER, **told: str) -> list[Visit]:
    """Return a visit of each client; what is told is of the one that demands vouchers."""
    return [visit("stock", began), visit("demanding", began, **told)]


def test_each_link_is_shown_at_a_port_of_its_own_and_the_sidecar_asks_for_it_there(tmp_path: Path) -> None:
    world = World()
    told: list[str] = []

    def run(host: str, command: Sequence[str], stdin: str) -> Completed:
        told.append(stdin)
        return world.run(host, command, stdin)

    arena = replace(world.arena(tmp_path), run=run)
    journal.begin(arena, "mine", Step("certificate-slot", {"tag": "first"}))
    [entries] = (tomllib.loads(text)["certificate"] for text in told if "[[certificate]]" in text)
    chains = [entry["chain"].removeprefix("/etc/mecai/slot-first/") for entry in entries]
    assert chains == ["live/fullchain.pem", "next/fullchain.pem", "backup/fullchain.pem"]
    assert [(entry["port"], entry["optional"]) for entry in entries] == [(443, False), (853, True), (993, True)]
    assert [entry.get("succession", "")[-16:] for entry in entries] == ["/live.succession", "/next.succession", ""]
    assert {tuple(entry["addresses"]) for entry in entries} == {arena.plan.addresses("www")}
    shown = world.files["www:/etc/nginx/conf.d/slots.conf"]
    nginx, sidecar = (world.commands.index(each) for each in world.commands if "restart" in each or "reload" in each)
    assert nginx < sidecar  # authorities come to look as soon as they are asked
    for entry in entries:
        site = next(each for each in shown.split("server {") if entry["chain"] in each)
        assert f"listen {entry['port']} ssl;\n    listen [::]:{entry['port']} ssl;" in site
        assert "    voucher on;\n    voucher_ocsp on;\n" in site
    journal.stop(arena)
    assert world.clean


def test_the_next_certificate_follows_and_a_backup_does_not(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    journal.begin(arena, "mine", Step("certificate-slot", {"tag": "first"}))
    journal.begin(arena, "mine", Step("staged-certificate", {"tag": "other", "as": "backup", "by": "second"}))
    assert "www:/var/lib/attack/other/succession.der" not in world.files
    journal.begin(arena, "mine", Step("staged-certificate", {"tag": "next"}))
    assert world.files["www:/var/lib/attack/next/succession.der"] == "it follows"
    staged = [each for each in world.commands if "sidecar stage" in each]
    assert ["--backup" in each for each in staged] == [False, True, False]
    issuing = [each.partition(":")[0] for each in world.commands if "mecai ca issue" in each]
    assert issuing == ["alder", "cedar", "alder"]


def test_what_was_stapled_for_a_slot_goes_with_it(tmp_path: Path) -> None:
    told: list[Sequence[str]] = []

    def run(_host: str, command: Sequence[str], _stdin: str) -> Completed:
        told.append(command)
        return subprocess.CompletedProcess(list(command), 0, "", "")

    slots.remove(replace(World().arena(tmp_path), run=run), "www", "first")
    *script, _, _ = told[-1]
    slot, staples, shown = tmp_path / "slot", tmp_path / "staples", Hierarchy("alder").server("www.example.test")
    (slot / "versions" / "1").mkdir(parents=True)
    (slot / "versions" / "1" / "fullchain.pem").write_bytes(shown.chain_pem)
    for name in (sha256(shown.der).hexdigest(), "another"):
        (staples / name).mkdir(parents=True)
    for _ in range(2):
        subprocess.run([*script, str(slot), str(staples)], check=True, timeout=SECONDS)
        assert [each.name for each in tmp_path.iterdir() if each.name in {"slot", "staples"}] == ["staples"]
        assert [each.name for each in staples.iterdir()] == ["another"]


@pytest.mark.parametrize(("ends", "code"), [("8", 0), ("9", 1)])
def test_the_server_has_followed_when_no_worker_of_before_takes_a_connection(
    ends: str, code: int, tmp_path: Path
) -> None:
    """The title of a worker says so; here one of before gives up, or one that came later does."""
    for program, does in (
        ("systemctl", 'echo "$@" >>"$LAB/seen"; mkdir "$LAB/9"; cp "$LAB/8/cmdline" "$LAB/9/"'),
        ("sleep", f"""printf 'nginx: worker process is shutting down\\0' >"$LAB/{ends}/cmdline" """),
    ):
        (tmp_path / program).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (tmp_path / program).chmod(0o755)
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "cmdline").write_bytes(b"nginx: worker process\0\0\0")
    option, command = slots.RELOAD
    *words, processes = shlex.split(command)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LAB": str(tmp_path)}
    done = subprocess.run([*words, str(tmp_path)], env=environment, capture_output=True, timeout=20, check=False)
    assert (option, processes, done.returncode) == ("--reload", "/proc", code)
    assert (tmp_path / "seen").read_text(encoding="utf-8") == "reload nginx\n"


def test_an_operator_turns_what_has_its_vouchers_and_tries_again(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    assert ask(arena, "operator", does="failover").verdict == "kept"
    assert ask(arena, "operator", does="failover").verdict == "live"
    world.slotted.lacking = 1
    observed = ask(arena, "operator", does="failover", waits=20)
    assert observed.verdict == "live"
    assert observed.answer.startswith("2 tries\nbackup: stays where it is: 0 vouchers")
    assert ask(arena, "operator").verdict == "ready"
    assert {words[1] for words in world.slotted.turned} == {"/etc/mecai/slot-first"}


@pytest.mark.parametrize("answer", [(3, "mecai: no slot"), (0, "")])
def test_what_is_neither_turned_nor_kept_is_no_verdict(
    answer: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot without a next one, too: the scene before staged one."""
    world = World()
    monkeypatch.setattr(world.slotted, "turn", lambda _words: answer)
    with pytest.raises(HostError, match=f"www: mecai sidecar promote: exit code {answer[0]}"):
        ask(world.arena(tmp_path), "operator", does="promote")


def test_visitors_keep_what_they_know_to_themselves_and_leave_nothing(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path)
    journal.begin(arena, "mine", Step("visitors", {}))
    [started] = (each for each in world.commands if "systemd-run" in each)
    told = json.loads(started[started.rindex('{"name"') :])
    settings = tomllib.loads(told["settings"])
    assert (told["name"], settings["contexts"]) == (arena.name("new-site"), ["MOZ"])
    assert all(settings[key].startswith(f"{told['folder']}/") for key in ("state", "selection_key"))
    assert world.units == {"client: scenario-visits"}
    journal.stop(arena)
    assert world.clean
    assert world.commands[-1] == f"client: rm -rf {told['folder']}"


@pytest.mark.parametrize(
    ("visits", "counts", "verdict"),
    [
        (both() * 2, "always", ("accepted", "")),
        ([*both(BEFORE, outcome="refused", reason="distrusted"), *both() * 2], "always", ("refused", "distrusted")),
        ([*both(BEFORE, outcome="refused", reason="distrusted"), *both() * 2], "afterwards", ("accepted", "")),
        ([*both(BEFORE, outcome="broken"), *both() * 2], "afterwards", ("broken", "handshake-failed")),
        ([visit("stock", BEFORE, "broken"), *both() * 2], "always", ("broken", "handshake-failed")),
        ([*both(BEFORE), *both()], "always", ("accepted", "")),
        ([*both(BEFORE), *both()], "afterwards", ("broken", "too-few")),
        ([*both(), visit("stock")], "always", ("broken", "too-few")),
        ([*both(), *both(), {**visit("demanding"), "vouchers": 0}], "always", ("broken", "no-voucher")),
    ],
)
def test_a_handshake_that_failed_counts_always(
    visits: list[Visit], counts: str, verdict: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "LIMITS", replace(LIMITS, measured_seconds=0))
    world = World()
    world.slotted.visits = visits
    observed = ask(world.arena(tmp_path), "visitor", counts=counts, least=2)
    assert (observed.verdict, observed.reason) == verdict
    assert json.loads(observed.answer)["handshakes"]["stock"] == sum(each["client"] == "stock" for each in visits)


def test_the_rollover_says_what_came_of_each_turn(stage: Stage) -> None:
    played = engine.play(stage.driver, stage.arena, reading.find("rollover"), stage.watch)
    turned = [row.observed.verdict for row in played.rows if row.client == "operator"]
    assert turned == ["kept", "ready", "ready", "live", "live"]
    assert [words[0] for words in stage.world.slotted.turned] == ["failover", "promote", "failover"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"verdict": "accepted", "reason": null, "vouchers": [1, 2], "page": {}}', ("accepted", "", 2)),
        ('{"verdict": "accepted", "reason": null, "vouchers": [1, 2]}', ("broken", "no page", 0)),
        ('{"verdict": "refused", "reason": "distrusted", "vouchers": []}', ("refused", "distrusted", 0)),
        ('{"verdict": "refused", "reason": "handshake-failed"}', ("broken", "handshake-failed", 0)),
        ('{"verdict": "refused", "reason": "unreachable"}', ("broken", "unreachable", 0)),
        ("", ("broken", "JSONDecodeError: Expecting value: line 2 column 1 (char 1)", 0)),
    ],
)
def test_a_visit_that_came_to_no_verdict_is_broken(
    said: str, expected: tuple[str, str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mecai").write_text(f"#!/bin/sh\n[ $4 = client.toml ] && echo '{said}'\n", encoding="utf-8")
    (tmp_path / "mecai").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    told = json.loads(tool.line("demanding", lambda: tool.demanding("www.example.test", Path("client.toml"))))
    assert told.keys() == visit("demanding").keys()
    assert (told["client"], told["outcome"], told["reason"], told["vouchers"]) == ("demanding", *expected)

"""What clients are told to ask for, and how what they hear is read."""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.roles.attacker import MAIL_FILE
from testbed.scenarios import clients, reading
from testbed.scenarios.means.impersonate_mail import MEAN
from testbed.scenarios.means.mean import filled
from testbed.scenarios.scenario import Scene
from testbed.scenarios.services import SERVICES
from tests.unit.testbed.laid import INTERNET
from tests.unit.testbed.world import World

NAME = "mail.example.test"


def scene(title: str) -> Scene:
    """Return a scene of number 19."""
    return next(each for each in reading.find("starttls").scenes if each.title == title)


@pytest.mark.parametrize(
    ("service", "curl", "mecai"),
    [
        ("https", f"https://{NAME}/", f"mecai client get --format json https://{NAME}/"),
        ("imaps", f"imaps://{NAME}:993/", f"mecai client check --format json {NAME}:993"),
        ("imap", f"imap://{NAME}/", f"mecai client check --format json --starttls imap {NAME}"),
        ("smtp", f"smtp://{NAME}/", f"mecai client check --format json --starttls smtp {NAME}"),
    ],
)
def test_each_service_is_asked_by_its_own_words(service: str, curl: str, mecai: str) -> None:
    assert SERVICES[service].curls(NAME)[-1] == curl
    assert SERVICES[service].mecais(NAME, "--format", "json") == mecai.split()


def test_clients_ask_the_mail_server_as_a_scene_says(tmp_path: Path) -> None:
    world = World()
    arena = world.arena(tmp_path, INTERNET)
    for kind in ("plain", "sticky"):
        assert clients.ready(arena, kind, scene("IMAP by STARTTLS"))().verdict == "accepted"
    plain, sticky = (line for line in world.commands if "curl" in line or "client check" in line)
    assert plain.endswith(f"--verbose --ssl --request CAPABILITY imap://{NAME}/")
    assert sticky.endswith(f"--starttls imap {NAME}")


@pytest.mark.parametrize(("says", "page"), [("This page comes from the attacker.", "attacker"), ("SIZE 1000", "site")])
def test_what_curl_hears_from_a_mail_server_tells_whose_it_is(tmp_path: Path, says: str, page: str) -> None:
    """It tells that on standard error, with all else of `--verbose`."""
    arena = World().arena(tmp_path, INTERNET)

    def run(host: str, command: Sequence[str], stdin: str) -> subprocess.CompletedProcess[str]:
        done = arena.run(host, command, stdin)
        return subprocess.CompletedProcess(done.args, 0, "", f"< 250-{says}\n") if "curl" in command else done

    assert clients.ready(replace(arena, run=run), "plain", scene("the same for SMTP"))().page == page


@pytest.mark.parametrize("offered", ["on", "off"])
def test_the_attackers_mail_server_offers_starttls_or_does_not_and_goes(tmp_path: Path, offered: str) -> None:
    world = World()
    arena = world.arena(tmp_path, INTERNET)
    arguments = filled(arena, MEAN.parameters, {"starttls": offered})
    MEAN.start(arena, arguments)
    written = world.files[f"attacker:{MAIL_FILE}"]
    assert f"server_name {NAME};" in written
    assert f"    starttls {offered};\n" in written
    MEAN.stop(arena, arguments)
    assert world.clean

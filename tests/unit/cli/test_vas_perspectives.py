"""`mecai vas perspectives`: what it shows of agents that answer, that do not, and that a person has to look at."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mecai.cli import vas_perspectives
from mecai.cli.asking_agents import Asked
from tests.vas_settings import with_agents

EAST = Asked("east", "east", "https://east.test:8443", None, ("crl",))
SOUTH = Asked("south", "south", "https://south.test:8443", "agent south: timed out")


def shown(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str, enough: bool = True) -> Result:
    config = folder / "vas.toml"
    config.write_text(with_agents({"east": EAST.url}))
    monkeypatch.setattr(vas_perspectives, "_ask_agents", lambda _settings: ((EAST, SOUTH), enough))
    return CliRunner().invoke(vas_perspectives.perspectives, ["--config", str(config), *words], standalone_mode=False)


@pytest.mark.parametrize(("enough", "code"), [(True, 0), (False, 1)])
def test_each_agent_with_what_is_wrong_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, enough: bool, code: int
) -> None:
    ran = shown(tmp_path, monkeypatch, enough=enough)
    assert ran.return_value == code
    assert ran.output.splitlines() == [
        "agent  region  state",
        "east   east    ready",
        "  https://east.test:8443, concern: crl",
        "south  south   no answer",
        "  agent south: timed out",
    ]


def test_a_program_gets_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    east, south = json.loads(shown(tmp_path, monkeypatch, "--format", "json").output)
    assert (east["concerns"], east["fault"], south["concerns"]) == (["crl"], None, [])
    assert south["fault"] == "agent south: timed out"

"""What a running VAS shows Prometheus, and that the rules and the dashboard of the role ask for nothing else."""

import json
import re
import shutil
import socket
import sqlite3
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.test_perspective import HERE, OURS, client
from tests.integration.test_perspective import running as agent
from tests.integration.vouching import World, running
from tests.pki import crl

FILES = Path(__file__).resolve().parents[2] / "ansible" / "roles" / "voucher_authority" / "files"
RULES, DASHBOARD = FILES / "prometheus-rules.yml", FILES / "grafana-dashboard.json"
PROMTOOL = shutil.which("promtool") or "promtool"  # requirements/debian-test.txt
NOW, DAYS = datetime.now(UTC).replace(microsecond=0), timedelta(days=1)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def promtool(*arguments: object) -> str:
    done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expressions() -> list[str]:
    """Return every question that the dashboard asks, Grafana's variables filled in."""
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in document["panels"] for target in panel["targets"]]
    return [text.replace("$__rate_interval", "5m").replace("$instance", ".*") for text in asked]


AGENTS = """
[perspectives]
region = "north"
key = "{home}/key.pem"
certificate = "{home}/certificate.pem"
roots = "{home}/roots.pem"
crl = "{home}/crl.pem"
[[perspectives.agent]]
name = "east"
region = "east"
url = "https://{host}:{east}"
[[perspectives.agent]]
name = "south"
region = "south"
url = "https://{host}:{south}"
"""


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an agent, and one that takes connections and says nothing; give what the settings of a VAS say of them."""
    home, shown = tmp_path_factory.mktemp("agents"), client(OURS)
    span = (NOW - DAYS, NOW + 90 * DAYS)
    lists = b"".join(crl(by, span=span) for by in (OURS.root, OURS.issuing))
    files = {"key": shown.key_pem, "certificate": shown.pem, "roots": OURS.root.pem, "crl": lists}
    for name, content in files.items():
        (path := home / f"{name}.pem").touch(0o600)
        path.write_bytes(content)
    with agent(tmp_path_factory.mktemp("east")) as east, socket.create_server((HERE, 0)) as south:
        yield AGENTS.format(home=home, host=HERE, east=east.port, south=south.getsockname()[1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, agents: str) -> Iterator[World]:
    """Run a VAS that has vouched and refused."""
    with running(tmp_path_factory.mktemp("world"), more=f"nodes_crl = '/nowhere/crl.pem'\n{agents}") as world:
        for _ in range(2):
            assert world.ask()[0] == 200
        assert world.ask(b"")[0] == 400
        assert world.http("GET", "/readyz")[0].status == 200
        yield world


def shown(world: World) -> Samples:
    """Ask as Prometheus does."""
    port = world.metrics.getsockname()[1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"mecai_vas_{name}", frozenset(labels.items())]


def test_it_shows_what_the_workers_did_and_what_the_database_holds(world: World) -> None:
    before = shown(world)
    assert value(before, "request_seconds_count", route="vouchers", outcome="vouched") == 2
    assert value(before, "request_seconds_count", route="vouchers", outcome="malformed") == 1
    assert value(before, "request_seconds_count", route="ready", outcome="200") == 1
    assert value(before, "probe_seconds_count") == value(before, "sign_seconds_count") == 2
    assert value(before, "evidence_total", source="network") == 2  # site and issuing CA, once
    assert value(before, "evidence_total", source="cache") == 2
    assert value(before, "agent_questions_total", agent="east", question="probe", outcome="answered") == 2
    assert sum(each for (_, labels), each in before.items() if ("agent", "south") in labels) == 2
    assert value(before, "agent_questions_total", agent="south", question="probe", outcome="late") >= 1
    assert value(before, "outbox_messages", kind="first-sight") == 1
    assert value(before, "held_certificates") == 0  # there is no hold here
    assert 0 < value(before, "certificate_days_left") < 366
    assert 89 < value(before, "lists_days_left", who="agents") <= 90
    assert value(before, "lists_days_left", who="nodes") == 0
    assert "no days left: /nowhere/crl.pem: revocation list cannot be read" in (world.home / "metrics.log").read_text()
    assert abs(value(before, "clock_ahead_seconds")) < 2
    assert world.ask()[0] == 200
    assert value(shown(world), "request_seconds_count", route="vouchers", outcome="vouched") == 3


def test_it_names_nobody(world: World) -> None:
    labels = {key for _, labels in shown(world) for key, _ in labels}
    assert labels == {"agent", "kind", "le", "outcome", "question", "route", "source", "who"}


def test_a_database_that_does_not_answer_leaves_the_rest(world: World) -> None:
    """Prometheus sees which are missing, and an alert waits for that."""
    database = world.birch.home / "vas.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE outbox RENAME TO elsewhere")
        try:
            names = {name for name, _ in shown(world)}
        finally:
            connection.execute("ALTER TABLE elsewhere RENAME TO outbox")
    assert {"mecai_vas_certificate_days_left", "mecai_vas_probe_seconds_count"} <= names
    assert "mecai_vas_outbox_messages" not in names
    assert "not measured: database: no such table: outbox" in (world.home / "metrics.log").read_text()


def test_each_metric_that_rules_and_dashboard_name_is_shown(world: World) -> None:
    named = set(re.findall(r"mecai_vas_\w+", " ".join([*expressions(), *map(str, rules())])))
    assert len(named) >= 10
    assert named <= {name for name, _ in shown(world)}


def alerts() -> dict[str, str]:
    """Return each alert's name and question."""
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return {rule["alert"]: rule["expr"] for group in document["groups"] for rule in group["rules"]}


def rules() -> list[str]:
    return list(alerts().values())


def test_rules_and_the_dashboards_questions_are_prometheus_own_language(tmp_path: Path) -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", RULES)
    asked = [{"record": f"dashboard:{number}", "expr": text} for number, text in enumerate(expressions())]
    (tmp_path / "dashboard.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": asked}]}))
    assert f"{len(asked)} rules found" in promtool("check", "rules", tmp_path / "dashboard.yml")


# What happens to a VAS, as series of a value a minute, and which alerts there are at the end: after an hour, or a day.
UP = "up{job='mecai-vas', instance='a'}"
HOUR, DAY = 60, 24 * 60  # minutes
LISTS = "mecai_vas_lists_days_left{who='nodes'}"
HELD, DAYS_LEFT = "mecai_vas_held_certificates", "mecai_vas_certificate_days_left"
SOUTH = "mecai_vas_agent_questions_total{agent='south',question='probe',outcome='%s'}"
SCENES: dict[str, tuple[dict[str, str], set[str]]] = {
    "all is well": ({}, set()),
    "it is down": ({UP: "0x60"}, {"MecaiVasDown"}),
    "the server does not run": ({"mecai_vas_request_seconds_count": ""}, {"MecaiVasServerGone"}),
    "the database is silent": ({"mecai_vas_clock_ahead_seconds": ""}, {"MecaiVasDatabaseSilent"}),
    "the clock is behind": ({"mecai_vas_clock_ahead_seconds": "-31x60"}, {"MecaiVasClockWrong"}),
    "the certificate ends": ({DAYS_LEFT: "13x60"}, {"MecaiVasCertificateEnds"}),
    "the certificate ends tomorrow": ({DAYS_LEFT: "1.9x60"}, {"MecaiVasCertificateEnds", "MecaiVasCertificateEndsNow"}),
    "a node is not brought lists": ({LISTS: "13.9x60"}, {"MecaiVasListsEnd"}),
    "a node's lists were lost": ({LISTS: "0x60"}, {"MecaiVasListsEnd", "MecaiVasListsEndNow"}),
    "nobody works the outbox": ({"mecai_vas_outbox_late_seconds": "0+60x60"}, {"MecaiVasOutboxLate"}),
    "the relay is out": ({"mecai_vas_outbox_in_vain_messages": "0x10 1x60"}, {"MecaiVasOutboxInVain"}),
    "a fault": ({"outcome='500'": "0+1x60"}, {"MecaiVasFaults"}),
    "one of ten is refused": ({"outcome='overloaded'": "0+10x60"}, {"MecaiVasOverloaded"}),
    "a responder is silent": ({"outcome='status-unavailable'": "0+50x60"}, {"MecaiVasEvidenceMissing"}),
    "an agent is silent": ({SOUTH % "answered": "", SOUTH % "late": "0+2x60", SOUTH % "spared": "0+98x60"},
                           {"MecaiVasAgentSilent"}),
    "an agent refuses connections": ({SOUTH % "answered": "0x60", SOUTH % "failed": "0+9x60"}, {"MecaiVasAgentSilent"}),
    "an agent is late now and then": ({SOUTH % "late": "0+2x60", SOUTH % "spared": "0+40x60"}, set()),
    "ten times as many are on hold": ({HELD: f"150x{DAY} 2000x{HOUR}"}, {"MecaiVasHoldFlood"}),
    "many are on hold, as every day": ({HELD: f"1500x{DAY} 2000x{HOUR}"}, set()),
    "few are on hold, but more": ({HELD: f"5x{DAY} 900x{HOUR}"}, set()),
}  # fmt: skip


def test_each_alert_is_raised_in_a_scene() -> None:
    assert set().union(*(expected for _, expected in SCENES.values())) == alerts().keys()


def test_what_happens_in_scenes_a_running_server_shows(world: World) -> None:
    """Each metric of them, with these labels and no others."""
    real = {(name, frozenset(key for key, _ in labels)) for name, labels in shown(world)}
    scenes = (_usual() | changes for changes, _ in SCENES.values())
    played = {name for series in scenes for name, values in series.items() if values} - {UP}
    for name in map(_series, played):
        metric, _, labels = name.partition("{")
        assert (metric, frozenset(re.findall(r"(\w+)=", labels)) - {"job", "instance"}) in real, name


@pytest.mark.parametrize("scene", SCENES)
def test_an_alert_is_raised_where_it_should_be_and_no_other(scene: str, tmp_path: Path) -> None:
    changes, expected = SCENES[scene]
    series = _usual() | changes
    if "mecai_vas_request_seconds_count" in changes:
        series = {name: values for name, values in series.items() if not name.startswith("outcome")}
    minutes = DAY + HOUR if any(f"x{DAY} " in values for values in changes.values()) else HOUR
    (tmp_path / "test.yml").write_text(yaml.safe_dump(_test(series, expected, minutes)))
    promtool("test", "rules", tmp_path / "test.yml")


def _usual() -> dict[str, str]:
    outcomes = ("vouched", "500", "overloaded", "status-unavailable")
    requests = {f"outcome='{name}'": "0+100x60" if name == "vouched" else "0x60" for name in outcomes}
    usual = {UP: "1x60", "mecai_vas_clock_ahead_seconds": "0x60", DAYS_LEFT: "90x60", HELD: "5x60", **requests}
    usual |= {LISTS.replace("nodes", who): "45x60" for who in ("agents", "nodes")}
    usual |= {"mecai_vas_outbox_late_seconds": "0x60", "mecai_vas_outbox_in_vain_messages": "0x60"}
    agents = {(SOUTH % "answered").replace("south", name): "0+60x60" for name in ("east", "south")}
    return usual | agents


def _test(series: dict[str, str], expected: set[str], minutes: int) -> dict[str, Any]:
    """Write the test for promtool: at the end the query `ALERTS` has those that are expected."""
    inputs = [
        {"series": _series(name), "values": re.sub("x60$", f"x{minutes}", values)}
        for name, values in series.items()
        if values
    ]
    alerts = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(expected)]
    query = {"expr": 'max by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{minutes}m"}
    tests = [{"interval": "1m", "input_series": inputs, "promql_expr_test": [query | {"exp_samples": alerts}]}]
    return {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}


def _series(name: str) -> str:
    """Return a series as Prometheus names it, which adds where it comes from."""
    if name == UP:
        return name
    if name.startswith("outcome"):
        name = f"mecai_vas_request_seconds_count{{route='vouchers', {name}}}"
    metric, _, labels = name.partition("{")
    kind = "kind='first-sight'}" if "outbox" in metric else "}"
    return f"{metric}{{job='mecai-vas', instance='a', {labels or kind}".replace(", }", "}")

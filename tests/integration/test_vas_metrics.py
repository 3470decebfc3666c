"""What a running VAS shows Prometheus, and that the rules and the dashboard of the role ask for nothing else."""

import json
import re
import shutil
import sqlite3
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.vouching import World, running

FILES = Path(__file__).resolve().parents[2] / "ansible" / "roles" / "voucher_authority" / "files"
RULES, DASHBOARD = FILES / "prometheus-rules.yml", FILES / "grafana-dashboard.json"
PROMTOOL = shutil.which("promtool") or "promtool"  # requirements/debian-test.txt
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


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run a VAS that has vouched and refused."""
    with running(tmp_path_factory.mktemp("world")) as world:
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
    assert value(before, "outbox_messages", kind="first-sight") == 1
    assert value(before, "held_certificates") == 0  # there is no hold here
    assert 0 < value(before, "certificate_days_left") < 366
    assert abs(value(before, "clock_ahead_seconds")) < 2
    assert world.ask()[0] == 200
    assert value(shown(world), "request_seconds_count", route="vouchers", outcome="vouched") == 3


def test_it_names_nobody(world: World) -> None:
    labels = {key for _, labels in shown(world) for key, _ in labels}
    assert labels == {"kind", "le", "outcome", "route", "source"}


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
    assert len(named) >= 9
    assert named <= {name for name, _ in shown(world)}


def rules() -> list[str]:
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule["expr"] for group in document["groups"] for rule in group["rules"]]


def test_rules_and_the_dashboards_questions_are_prometheus_own_language(tmp_path: Path) -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", RULES)
    asked = [{"record": f"dashboard:{number}", "expr": text} for number, text in enumerate(expressions())]
    (tmp_path / "dashboard.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": asked}]}))
    assert f"{len(asked)} rules found" in promtool("check", "rules", tmp_path / "dashboard.yml")


# What happens to a VAS, as series of one value a minute, and which alerts there are after an hour.
UP = "up{job='mecai-vas', instance='a'}"
SCENES: dict[str, tuple[dict[str, str], set[str]]] = {
    "all is well": ({}, set()),
    "it is down": ({UP: "0x60"}, {"MecaiVasDown"}),
    "the server does not run": ({"mecai_vas_request_seconds_count": ""}, {"MecaiVasServerGone"}),
    "the database is silent": ({"mecai_vas_clock_ahead_seconds": ""}, {"MecaiVasDatabaseSilent"}),
    "the clock is behind": ({"mecai_vas_clock_ahead_seconds": "-31x60"}, {"MecaiVasClockWrong"}),
    "the certificate ends": ({"mecai_vas_certificate_days_left": "13x60"}, {"MecaiVasCertificateEnds"}),
    "nobody works the outbox": ({"mecai_vas_outbox_late_seconds": "0+60x60"}, {"MecaiVasOutboxLate"}),
    "the relay is out": ({"mecai_vas_outbox_in_vain_messages": "0x10 1x60"}, {"MecaiVasOutboxInVain"}),
    "a fault": ({"outcome='500'": "0+1x60"}, {"MecaiVasFaults"}),
    "one of ten is refused": ({"outcome='overloaded'": "0+10x60"}, {"MecaiVasOverloaded"}),
    "a responder is silent": ({"outcome='status-unavailable'": "0+50x60"}, {"MecaiVasEvidenceMissing"}),
}


@pytest.mark.parametrize("scene", SCENES)
def test_an_alert_is_raised_where_it_should_be_and_no_other(scene: str, tmp_path: Path) -> None:
    changes, expected = SCENES[scene]
    requests = {f"outcome='{name}'": "0+100x60" if name == "vouched" else "0x60" for name in
                ("vouched", "500", "overloaded", "status-unavailable")}  # fmt: skip
    usual = {UP: "1x60", "mecai_vas_clock_ahead_seconds": "0x60", "mecai_vas_certificate_days_left": "90x60"}
    usual |= {"mecai_vas_outbox_late_seconds": "0x60", "mecai_vas_outbox_in_vain_messages": "0x60"}
    usual |= {"mecai_vas_held_certificates": "5x60", **requests}
    series = usual | changes
    if "mecai_vas_request_seconds_count" in changes:
        series = {name: values for name, values in series.items() if name not in requests}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(_test(series, expected)))
    promtool("test", "rules", tmp_path / "test.yml")


def _test(series: dict[str, str], expected: set[str]) -> dict[str, Any]:
    """Write the test for promtool: after an hour the query `ALERTS` has those that are expected."""
    inputs = [{"series": _series(name), "values": values} for name, values in series.items() if values]
    alerts = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(expected)]
    query = {"expr": 'max by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "1h", "exp_samples": alerts}
    tests = [{"interval": "1m", "input_series": inputs, "promql_expr_test": [query]}]
    return {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}


def _series(name: str) -> str:
    if name.startswith("outcome"):
        return f"mecai_vas_request_seconds_count{{job='mecai-vas', instance='a', route='vouchers', {name}}}"
    if name == UP:
        return name
    kind = ", kind='first-sight'" if "outbox" in name else ""
    return f"{name}{{job='mecai-vas', instance='a'{kind}}}"

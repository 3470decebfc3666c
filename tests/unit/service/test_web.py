"""The frame of every HTTP service: what each has, whatever its own routes are."""

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from mecai.errors import HostError, InputError
from mecai.service.logs import JsonFormatter, carried
from mecai.service.readiness import Readiness
from mecai.service.web import PROBLEM_TYPE, ProblemDocument, frame, start

LARGEST = 10  # octets


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the logs of this process as they are."""
    monkeypatch.setattr("mecai.service.web.log_json", lambda: None)


def service(trusted_proxies: int = 0) -> FlaskClient:
    """Give a client of a service with some routes of its own."""
    app = frame(__name__, Readiness({}), largest_body=LARGEST, trusted_proxies=trusted_proxies)

    @app.post("/")
    def post() -> bytes:
        return request.get_data()

    @app.get("/who")
    def who() -> str:
        return str(request.remote_addr)

    @app.get("/wrong")
    def wrong() -> Response:
        raise KeyError("a secret")

    @app.get("/later")
    def later() -> Response:
        pause = timedelta(seconds=1.5)
        return ProblemDocument(503, "Busy", "tag:example.test,2026:busy", "too much", {"queue": 7}, pause).response()

    return app.test_client()


def test_health_and_readiness() -> None:
    client = service()
    assert client.get("/healthz").json == {"status": "alive"}
    assert client.get("/readyz").json == {"status": "ready"}


def not_ready() -> None:
    raise HostError("database: does not answer")


def test_not_ready_names_the_check_and_no_more() -> None:
    app = frame(__name__, Readiness({"database": not_ready}), largest_body=LARGEST)
    response = app.test_client().get("/readyz")
    assert (response.status_code, response.json) == (503, {"status": "not ready", "failed": ["database"]})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "title"),
    [
        ("get", "/none", b"", 404, "Not Found"),
        ("get", "/", b"", 405, "Method Not Allowed"),
        ("post", "/", bytes(LARGEST + 1), 413, "Request Entity Too Large"),
        ("get", "/wrong", b"", 500, "Internal Server Error"),
    ],
)
def test_every_error_is_a_problem_document(method: str, path: str, body: bytes, status: int, title: str) -> None:
    response = service().open(path, method=method, data=body)
    assert (response.status_code, response.content_type) == (status, PROBLEM_TYPE)
    named = {"requestId": response.headers["X-Request-Id"]}
    assert json.loads(response.data) == {"type": "about:blank", "title": title, "status": status} | named


def test_a_method_that_is_not_there_is_answered_with_those_that_are() -> None:
    """RFC 9110 section 15.5.6."""
    assert set(service().get("/").headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_a_problem_document_of_the_service() -> None:
    response = service().get("/later")
    assert (response.status_code, response.content_type) == (503, PROBLEM_TYPE)
    assert response.headers["Retry-After"] == "2"
    assert json.loads(response.data) == {
        "type": "tag:example.test,2026:busy", "title": "Busy", "status": 503, "detail": "too much", "queue": 7,
        "requestId": response.headers["X-Request-Id"],
    }  # fmt: skip


NGINX = "0123456789abcdef0123456789abcdef"  # as nginx writes $request_id


@pytest.mark.parametrize(
    ("proxies", "given", "taken"),
    [
        (1, NGINX, True),
        (0, NGINX, False),  # nobody stands between: a stranger wrote it
        (1, NGINX.upper(), False),
        (1, f"{NGINX}0", False),
        (1, f"{NGINX}, {NGINX}", False),
        (1, '"}', False),
        (1, "", False),
    ],
)
def test_a_request_has_the_id_that_a_trusted_proxy_gave_or_a_new_one(proxies: int, given: str, taken: bool) -> None:
    client = service(proxies)
    first, second = (client.get("/who", headers={"X-Request-Id": given}).headers["X-Request-Id"] for _ in range(2))
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert (first == given) is taken
    assert (first == second) is taken


def test_what_is_logged_while_a_request_is_answered_has_its_id() -> None:
    app = frame(__name__, Readiness({}), largest_body=LARGEST)
    lines: list[str] = []

    def log(_: object = None) -> None:
        lines.append(JsonFormatter().format(logging.makeLogRecord({"msg": "here"})))

    @app.get("/log")
    def route() -> str:
        log()
        with ThreadPoolExecutor() as pool:
            list(pool.map(carried(log), range(2)))
        return ""

    request_id = app.test_client().get("/log").headers["X-Request-Id"]
    log()
    assert [json.loads(line).get("requestId") for line in lines] == [request_id] * 3 + [None]


@pytest.mark.parametrize(("proxies", "seen"), [(0, "127.0.0.1"), (1, "192.0.2.2"), (2, "192.0.2.1")])
def test_who_asks_is_believed_of_trusted_proxies_alone(proxies: int, seen: str) -> None:
    response = service(proxies).get("/who", headers={"X-Forwarded-For": "192.0.2.1, 192.0.2.2"})
    assert response.text == seen


def test_the_environment_names_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def make(path: Path) -> Flask:
        asked.append(path)
        return Flask(__name__)

    monkeypatch.delenv("MECAI_TEST_CONFIG", raising=False)
    start("the test", "MECAI_TEST_CONFIG", Path("/default"), make)
    monkeypatch.setenv("MECAI_TEST_CONFIG", "/other")
    start("the test", "MECAI_TEST_CONFIG", Path("/default"), make)
    assert asked == [Path("/default"), Path("/other")]


def test_a_start_that_fails_is_one_line_and_gunicorns_exit_code(caplog: pytest.LogCaptureFixture) -> None:
    def make(path: Path) -> Flask:
        raise InputError(f"{path}: key: missing")

    with pytest.raises(SystemExit) as caught:
        start("the test", "MECAI_TEST_CONFIG", Path("/default"), make)
    assert caught.value.code == 3
    (record,) = (each for each in caplog.records if each.levelno == logging.CRITICAL)
    assert (record.getMessage(), vars(record)["error"]) == ("the test cannot start", "/default: key: missing")

"""The frame of every HTTP service: what each has, whatever its own routes are."""

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from mecai.errors import HostError, InputError
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
    assert json.loads(response.data) == {"type": "about:blank", "title": title, "status": status}


def test_a_problem_document_of_the_service() -> None:
    response = service().get("/later")
    assert (response.status_code, response.content_type) == (503, PROBLEM_TYPE)
    assert response.headers["Retry-After"] == "2"
    assert json.loads(response.data) == {
        "type": "tag:example.test,2026:busy", "title": "Busy", "status": 503, "detail": "too much", "queue": 7
    }  # fmt: skip


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

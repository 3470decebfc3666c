"""The one route that is answered without Flask: as any other to whoever asks."""

import json
import logging
import re

import pytest
from flask import Response
from flask.testing import FlaskClient
from werkzeug.exceptions import Conflict
from werkzeug.wrappers import Request

from mecai.service.logs import REQUEST_ID
from mecai.service.readiness import Readiness
from mecai.service.straight import answer_straight
from mecai.service.web import PROBLEM_TYPE, frame

LARGEST = 10  # octets
NAMED = "0123456789abcdef0123456789abcdef"


def view(request: Request) -> Response:
    """Say who asked what, under which id; or fail, as is asked."""
    match request.get_data():
        case b"conflict":
            raise Conflict
        case b"fault":
            raise KeyError("a secret")
    return Response(json.dumps([request.remote_addr, request.get_data().decode(), REQUEST_ID.get()]))


def service(trusted_proxies: int = 0) -> FlaskClient:
    """Give a client of a service with this route and another one."""
    app = frame(__name__, Readiness({}), largest_body=LARGEST, trusted_proxies=trusted_proxies)
    answer_straight(app, "/straight", view, trusted_proxies=trusted_proxies)
    return app.test_client()


def test_it_answers_what_is_posted_under_a_new_id() -> None:
    response = service().post("/straight", data=b"asked", headers={"X-Request-Id": NAMED})
    name = response.headers["X-Request-Id"]
    assert json.loads(response.data) == ["127.0.0.1", "asked", name]
    assert re.fullmatch("[0-9a-f]{32}", name)
    assert name != NAMED
    assert REQUEST_ID.get() is None


@pytest.mark.parametrize(("proxies", "seen"), [(1, "192.0.2.2"), (2, "192.0.2.1")])
def test_trusted_proxies_are_believed(proxies: int, seen: str) -> None:
    headers = {"X-Request-Id": NAMED, "X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
    response = service(proxies).post("/straight", data=b"asked", headers=headers)
    assert json.loads(response.data) == [seen, "asked", NAMED]
    assert response.headers["X-Request-Id"] == NAMED


def test_other_routes_and_methods_are_flasks() -> None:
    client = service(1)
    assert client.get("/healthz").json == {"status": "alive"}
    refused = client.get("/straight")
    assert (refused.status_code, refused.content_type) == (405, PROBLEM_TYPE)
    assert set(refused.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    assert client.post("/straight/").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        (bytes(LARGEST + 1), 413, "Request Entity Too Large"),
        (b"conflict", 409, "Conflict"),
        (b"fault", 500, "Internal Server Error"),
    ],
)
def test_every_error_is_a_problem_document(
    body: bytes, status: int, title: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    response = service().post("/straight", data=body)
    assert (response.status_code, response.content_type) == (status, PROBLEM_TYPE)
    named = {"requestId": response.headers["X-Request-Id"]}
    assert json.loads(response.data) == {"type": "about:blank", "title": title, "status": status} | named
    assert ("a secret" in caplog.text) is (status == 500)
    assert REQUEST_ID.get() is None

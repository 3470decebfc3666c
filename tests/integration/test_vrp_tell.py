"""Telling another VA over real HTTPS: which of its servers, what is told again later, and what never."""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.protocol.objects.authorities import Server
from mecai.service.deadline import Deadline
from mecai.vrp.answers import RequestRefused
from mecai.vrp.tell import REPORT_TYPE, SECONDS, ToldInVain, tell
from tests.integration.played_vas import Vas, answering
from tests.pki import Hierarchy

PROBLEM = "application/problem+json"


@pytest.fixture
def vas(tmp_path: Path) -> Iterator[Vas]:
    vas = Vas(tmp_path)
    yield vas
    vas.close()


def test_it_is_told_once_below_its_url(vas: Vas) -> None:
    kinds = []

    def taking(handler: object) -> None:
        kinds.append(handler.headers["Content-Type"])  # type: ignore[attr-defined]
        answering(200, "application/json", "{}")(handler)  # type: ignore[arg-type]

    vas.handle = taking
    tell([vas.server(path="/birch"), vas.server()], "v1/reports", REPORT_TYPE, b"report")
    assert vas.requests == [("/birch/v1/reports", b"report")]
    assert kinds == [REPORT_TYPE]


def test_a_server_that_is_not_the_vas_is_passed_over(vas: Vas) -> None:
    vas.handle = answering(200, "application/json", "{}")
    tell([vas.server(Hierarchy("other")), vas.server()], "v1/reports", REPORT_TYPE, b"report")
    assert len(vas.requests) == 1


@pytest.mark.parametrize(
    ("status", "in_vain"),
    [(400, True), (413, True), (403, False), (404, False), (429, False), (503, False), (302, False)],
)
def test_what_may_go_better_later(vas: Vas, status: int, in_vain: bool) -> None:
    vas.handle = answering(status, PROBLEM, json.dumps({"type": "x/code", "detail": "why"}))
    with pytest.raises(HostError, match="code: why") as caught:
        tell([vas.server()], "v1/reports", REPORT_TYPE, b"report")
    assert isinstance(caught.value, ToldInVain) == in_vain
    if isinstance(caught.value, RequestRefused):
        assert caught.value.forbidden == (status == 403)


@pytest.mark.parametrize(
    ("said", "pause"),
    [("90", timedelta(seconds=90)), ("9" * 5000, timedelta(days=1)), ("soon", None), ("-5", None), ("", None)],
)
def test_how_long_it_is_to_be_left_alone(vas: Vas, said: str, pause: timedelta | None) -> None:
    vas.handle = answering(429, PROBLEM, json.dumps({"type": "x/code", "detail": "why"}), **{"Retry-After": said})
    with pytest.raises(RequestRefused) as caught:
        tell([vas.server()], "v1/reports", REPORT_TYPE, b"report")
    assert caught.value.retry == pause


def test_all_servers_of_a_va_have_the_time_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, reached = [0.0], []

    def silent(server: Server, _path: str, _octets: bytes, _headers: object, deadline: Deadline) -> None:
        reached.append(server.url)
        seconds[0] += deadline.left()
        raise RequestRefused("timed out")

    monkeypatch.setattr("mecai.vrp.tell.Deadline", partial(Deadline, clock=lambda: seconds[0]))
    monkeypatch.setattr("mecai.vrp.tell.post", silent)
    urls = [f"https://vas{n}.birch.test" for n in range(5)]
    with pytest.raises(RequestRefused, match="timed out"):
        tell([Server(url, ()) for url in urls], "v1/reports", REPORT_TYPE, b"report")
    assert reached == urls
    assert seconds[0] == pytest.approx(SECONDS)

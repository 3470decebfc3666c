"""The servers of one authority: who is asked next, and whose word is final."""

from datetime import UTC, datetime
from email.message import Message

import pytest

from mecai.net.exchange import Answer
from mecai.protocol.objects.authorities import Server
from mecai.vrp.answers import Held, RequestRefused, understand
from mecai.vrp.ask import ask_authority

SERVERS = tuple(Server(f"https://{name}.test", ()) for name in ("one", "two", "three"))
HELD = Held(datetime(2026, 3, 5, tzinfo=UTC))
DOWN = RequestRefused("down")
NEVER = RequestRefused("revoked", final=True)


@pytest.mark.parametrize(
    ("answers", "asked", "end"),
    [
        ([b"voucher"], 1, b"voucher"),
        ([DOWN, b"voucher"], 2, b"voucher"),
        ([HELD], 1, HELD),
        ([DOWN, HELD], 2, HELD),
        ([DOWN, NEVER], 2, NEVER),
        ([NEVER], 1, NEVER),
        ([DOWN, DOWN, RequestRefused("down too")], 3, "down too"),
    ],
)
def test_servers_are_asked_until_one_knows_an_answer(answers: list[object], asked: int, end: object) -> None:
    urls: list[str] = []

    def ask(server: Server, request: bytes) -> bytes | Held:
        assert request == b"request"
        urls.append(server.url)
        answer = answers[len(urls) - 1]
        if isinstance(answer, RequestRefused):
            raise answer
        assert isinstance(answer, bytes | Held)
        return answer

    try:
        assert ask_authority(SERVERS, b"request", ask) == end
    except RequestRefused as refusal:
        assert end in {refusal, str(refusal)}  # noqa: PT017 - some ends are answers
    assert urls == [server.url for server in SERVERS[:asked]]


def test_what_a_server_says_is_one_printable_line() -> None:
    headers = Message()
    headers["Content-Type"] = "text/\x1b[31m\nX"
    with pytest.raises(RequestRefused) as caught:
        understand("https://vas.test", Answer(200, "OK", headers, b"{}", complete=True, lasting=False))
    assert str(caught.value).isprintable()

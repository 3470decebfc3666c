"""Telling another Voucher Authority of a report or an incident (docs/spec F3, F7)."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from mecai.errors import HostError
from mecai.protocol.objects.authorities import Server
from mecai.service.deadline import Deadline
from mecai.vrp.answers import RequestRefused, refusal
from mecai.vrp.post import post

SECONDS: Final = 20.0  # for all servers of one VA
REPORT_TYPE: Final = "application/mecai-report"
INCIDENT_TYPE: Final = "application/mecai-incident"
# What will go no better later. Any other refusal may: a directory that lists this VA's key may be on its way.
_IN_VAIN: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

# `tell`, or what stands for it in a test: the servers of one VA, path, media type, octets.
Tell = Callable[[Sequence[Server], str, str, bytes], None]


class ToldInVain(HostError):
    """The VA will never take it."""


def tell(
    servers: Sequence[Server], path: str, content_type: str, octets: bytes, deadline: Deadline | None = None
) -> None:
    """Tell one VA by the first of its servers, of which there is at least one, that takes it.

    However many there are, they have `SECONDS` together, or until `deadline` if that is sooner, and none can use up the
    time of those after it. Raises `RequestRefused`, what the last of them said, or `ToldInVain` as soon as one says
    that it is nothing to take.
    """
    refused = RequestRefused("no server of it is listed")
    deadline = deadline.within(SECONDS) if deadline else Deadline(SECONDS)
    for place, server in enumerate(servers):
        try:
            return _tell_one(server, path, content_type, octets, deadline.share(len(servers) - place))
        except RequestRefused as error:
            refused = error
    raise refused


def _tell_one(server: Server, path: str, content_type: str, octets: bytes, deadline: Deadline) -> None:
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    answer = post(server, path, octets, headers, deadline)
    if answer.status in _IN_VAIN:
        raise ToldInVain(str(refusal(server.url, answer)))
    if answer.status != HTTPStatus.OK:
        raise refusal(server.url, answer)

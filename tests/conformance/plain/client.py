"""What the suite asks (docs/conformance.md), kind by kind."""

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.plain import (
    cached,
    certificates,
    connection,
    directory,
    intranet,
    names,
    request,
    selection,
    tls,
)
from tests.conformance.plain.refusal import Refused

Question = dict[str, Any]
_LONGEST_VOUCHER = 72 * 3600  # seconds


def answer(kind: str, question: Question) -> dict[str, Any]:
    """Return the verdict on one case."""
    if kind not in _KINDS:
        return {"verdict": "skipped", "reason": f"cases of kind {kind} came later"}
    try:
        return {"verdict": "accepted"} | _KINDS[kind](question)
    except Refused as error:
        return {"verdict": "refused", "reason": error.reason, "detail": error.detail}


def _connection(question: Question) -> Question:
    client = _client(question)
    connection.check_session(question["serverName"], resumed=question.get("resumed", False))
    server = connection.Server(
        chain=_list(question["chain"]),
        name=question["serverName"],
        staple=None if question["staple"] is None else _octets(question["staple"]),
        address=_peer(question),
    )
    if "vouchers" in question:
        vouchers = _list(question["vouchers"])
    else:
        answered = None if question["answer"] is None else _octets(question["answer"])
        vouchers = connection.shown(answered, _list(question["cached"]))
    return {"vouchers": connection.verify(client, server, vouchers)}


def _cached(question: Question) -> Question:
    return {"cached": cached.named(_client(question), _peer(question), _list(question["vouchers"]))}


def _peer(question: Question) -> bytes | None:
    peer = question["peerAddress"]
    return None if peer is None else names.address(peer)


def _client(question: Question) -> connection.Client:
    now, policy = _time(question["now"]), question["policy"]
    return connection.Client(
        directory=directory.parse(_octets(question["directory"]), _certificates(question["publishers"]), now),
        candidates=[bytes.fromhex(each) for each in policy["candidates"]],
        quorum=policy["quorum"],
        contexts=[each.encode() for each in policy["contexts"]],
        prefixes=policy["nat64Prefixes"],
        longest=timedelta(seconds=policy.get("maxVoucherLifetime", _LONGEST_VOUCHER)),
        now=now,
    )


def _choice(question: Question) -> Question:
    found = tls.read_choice(_octets(question["extension"]))
    return {"verdict": "ignored"} if found is None else found


def _vouchers(question: Question) -> Question:
    found = tls.read_answer(_octets(question["extension"]))
    return {"vouchers": [base64.b64encode(each).decode() for each in found]}


def _request(question: Question) -> Question:
    return request.read(_octets(question["request"]))


def _directory(question: Question) -> Question:
    pins, now = _certificates(question["publishers"]), _time(question["now"])
    former = _certificates(question.get("formerPublishers", ()))
    directory.accept(_list(question["history"]), _octets(question["directory"]), pins, now, former=former)
    return {}


def _selection(question: Question) -> Question:
    now = _time(question["now"])
    found = directory.parse(_octets(question["directory"]), _certificates(question["publishers"]), now)
    key, without = bytes.fromhex(question["key"]), question["excludedRegions"]
    chosen = selection.candidates(found, question["destination"], key, now, question["candidates"], without)
    return {"candidates": chosen}


def _intranet(question: Question) -> Question:
    networks = [
        intranet.Network(each["domains"], _certificates(each["roots"]), [bytes.fromhex(pin) for pin in each["pins"]])
        for each in question["networks"]
    ]
    found = intranet.measure(networks, question["serverName"])
    if found is None:
        return {"verdict": "ignored"}
    staple = None if question["staple"] is None else _octets(question["staple"])
    responders = {bytes.fromhex(name): _octets(each) for name, each in question["responders"].items()}
    chain, name, now = _list(question["chain"]), question["serverName"], _time(question["now"])
    intranet.verify(found[1], name, chain, staple, responders, now)
    return {"domain": found[0]}


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _list(texts: Sequence[str]) -> list[bytes]:
    return [_octets(text) for text in texts]


def _certificates(texts: Sequence[str]) -> list[certificates.Certificate]:
    return [certificates.load(octets) for octets in _list(texts)]


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


_KINDS: dict[str, Callable[[Question], Question]] = {
    "cached": _cached,
    "choice": _choice,
    "connection": _connection,
    "directory": _directory,
    "intranet": _intranet,
    "request": _request,
    "selection": _selection,
    "vouchers": _vouchers,
}

"""`mecai conformance-client`: this project's own client under the conformance suite (docs/conformance.md).

A part of the tests and not of the product: the verb exists in a checkout only.

Reads one JSON line per case from standard input and writes one with the verdict; `tests/conformance/schema.json`
describes both. Every kind of case is one function, which returns what was accepted and raises what refuses.
"""

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mecai.client.verdict import Demand, judge
from mecai.errors import InputError, Malformed, VerificationError
from mecai.protocol.acceptance import Record, accept
from mecai.protocol.codec.strict_json import TIME
from mecai.protocol.codec.tls_answer import decode_vouchers, encode_vouchers
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.directory import parse_directory
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import address_octets, address_text
from mecai.protocol.selection import Mode, candidates
from mecai.protocol.verify.cached import worth_naming
from mecai.protocol.verify.connection import Policy
from mecai.protocol.verify.intranet import Intranet, Way, domain_of, examine_private_chain, prove_private_status
from mecai.tls import Facts

Question = dict[str, Any]
Answer = dict[str, Any]
_ALERTS: Final = ("decode_error", "illegal_parameter")  # with which the detail of rule T4 begins


@click.command()
def command() -> None:
    """Answer the cases of the conformance suite, line by line."""
    for line in sys.stdin:
        try:
            case = json.loads(line)
            answered = {"id": case["id"], **answer(case["kind"], case["input"])}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"standard input: no case of the conformance suite ({error!r})") from error
        click.echo(json.dumps(answered))


def answer(kind: str, question: Question) -> Answer:
    """Return the verdict on one case."""
    if (judge := _KINDS.get(kind)) is None:
        return {"verdict": "skipped", "reason": f"cases of kind {kind} are unknown to this version"}
    try:
        return {"verdict": "accepted", **judge(question)}
    except VerificationError as error:
        return {"verdict": "refused", "reason": error.reason, "rule": error.rule, "detail": error.detail}


def _connection(question: Question) -> Answer:
    now = _time(question["now"])
    directory = parse_directory(_octets(question["directory"]), _publishers(question), now)
    facts = Facts(
        version="TLSv1.3",
        cipher="",
        chain=_list(question["chain"]),
        staple=_maybe(question["staple"]),
        resumed=question.get("resumed", False),
        extended_master_secret=True,
    )
    if "vouchers" in question:  # sent or named: as if the server had answered with an empty list
        cached = _list(question["vouchers"])
        answer: bytes | None = encode_vouchers(())
    else:
        answer, cached = _maybe(question["answer"]), _list(question["cached"])
    policy, name = _policy(question["policy"]), question["serverName"]
    accepted = judge(Demand(directory, policy, name, question["peerAddress"], cached), answer, facts, now)
    return {"vouchers": [each.voucher.hash.hex() for each in accepted.vouched]}


def _cached(question: Question) -> Answer:
    now, peer = _time(question["now"]), question["peerAddress"]
    directory = parse_directory(_octets(question["directory"]), _publishers(question), now)
    held = tuple(map(parse_voucher, _list(question["vouchers"])))
    address = address_octets(peer) if peer is not None else None
    named = worth_naming(held, address, directory, _policy(question["policy"]), now)
    return {"cached": [voucher.hash.hex() for voucher in named]}


def _policy(wanted: Question) -> Policy:
    policy = Policy(
        candidates=tuple(map(bytes.fromhex, wanted["candidates"])),
        quorum=wanted["quorum"],
        contexts=tuple(wanted["contexts"]),
    )
    policy = replace(policy, nat64_prefixes=(*policy.nat64_prefixes, *wanted["nat64Prefixes"]))
    if "maxVoucherLifetime" in wanted:
        policy = replace(policy, max_voucher_lifetime=timedelta(seconds=wanted["maxVoucherLifetime"]))
    return policy


def _choice(question: Question) -> Answer:
    try:
        choice = RequestExtension.decode(_octets(question["extension"]))
    except Malformed as error:
        raise _as_alert(error) from error
    if choice is None:
        return {"verdict": "ignored"}
    return {
        "quorum": choice.quorum,
        "candidates": [candidate.hex() for candidate in choice.candidates],
        "contexts": list(choice.contexts),
        "cached": [voucher.hex() for voucher in choice.cached],
    }


def _vouchers(question: Question) -> Answer:
    try:
        vouchers = decode_vouchers(_octets(question["extension"]))
    except Malformed as error:
        raise _as_alert(error) from error
    return {"vouchers": [base64.b64encode(voucher).decode() for voucher in vouchers]}


def _request(question: Question) -> Answer:
    request = VoucherRequest.decode(_octets(question["request"]))
    addresses = list(map(address_text, request.addresses))
    return {"addresses": addresses, "port": request.port, "serverName": request.server_name}


def _directory(question: Question) -> Answer:
    """Take the directories that came before, then this one; each may name the pins that follow (rule D2)."""
    pins, record = _publishers(question), Record()
    former = _publishers(question, "formerPublishers") if "formerPublishers" in question else pins
    for encoded in _list(question["history"]):
        _, record = accept(record, encoded, None, former)
    accept(record, _octets(question["directory"]), _time(question["now"]), pins)
    return {}


def _selection(question: Question) -> Answer:
    now = _time(question["now"])
    directory = parse_directory(_octets(question["directory"]), _publishers(question), now)
    excluded = question["excludedRegions"]
    chosen = candidates(
        directory,
        question["destination"],
        now,
        key=bytes.fromhex(question["key"]),
        k=question["candidates"],
        mode=Mode.REGIONAL if excluded else Mode.STICKY,
        excluded_regions=excluded,
    )
    return {"candidates": [authority.hex() for authority in chosen]}


def _intranet(question: Question) -> Answer:
    now, name = _time(question["now"]), question["serverName"]
    by_domain = {domain: network for network in question["networks"] for domain in network["domains"]}
    if (domain := domain_of(name, tuple(by_domain))) is None:
        return {"verdict": "ignored"}
    roots = tuple(map(x509.load_der_x509_certificate, _list(by_domain[domain]["roots"])))
    intranet = Intranet((domain,), roots, frozenset(map(bytes.fromhex, by_domain[domain]["pins"])))
    staple = [(Way.STAPLED, _octets(question["staple"]))] if question["staple"] is not None else []
    for pair in examine_private_chain(_list(question["chain"]), intranet, name, now):
        prove_private_status(pair, staple, partial(_ask, question["responders"], pair[0]), intranet, now)
    return {"domain": domain}


def _ask(responders: dict[str, str], certificate: x509.Certificate, said: str) -> bytes:
    answered = responders.get(certificate.fingerprint(hashes.SHA256()).hex())
    if answered is None:
        raise VerificationError("status-unavailable", "M4", said)
    return _octets(answered)


def _as_alert(error: Malformed) -> VerificationError:
    """Return the same fault with the TLS alert that it asks for as its reason."""
    alert, _, detail = error.detail.partition(": ")
    if alert not in _ALERTS:
        return error
    return VerificationError(alert, error.rule, detail)


def _publishers(question: Question, name: str = "publishers") -> tuple[x509.Certificate, ...]:
    return tuple(map(x509.load_der_x509_certificate, _list(question[name])))


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _maybe(text: str | None) -> bytes | None:
    return None if text is None else _octets(text)


def _list(texts: list[str]) -> tuple[bytes, ...]:
    return tuple(map(_octets, texts))


def _time(text: str) -> datetime:
    return datetime.strptime(text, TIME).replace(tzinfo=UTC)


_KINDS: Final[dict[str, Callable[[Question], Answer]]] = {
    "cached": _cached,
    "choice": _choice,
    "connection": _connection,
    "directory": _directory,
    "intranet": _intranet,
    "request": _request,
    "selection": _selection,
    "vouchers": _vouchers,
}

"""What a VAS asks an agent, and what it is answered, in JSON: a probe's target, and what each address showed.

A nonce ties the answer to the question: TLS does so on one connection, and what stands between might keep answers.
"""

import base64
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import InputError, Malformed
from mecai.probing.corroborate import Corroboration, ProbeOutcome, ProbeResult, ProbeTarget
from mecai.probing.offer import NoServerKey, offers_for
from mecai.protocol.codec.strict_json import Members, dump, load
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import HASH_SIZE, address_octets, address_text
from mecai.protocol.pki.names import host_name

MEDIA_TYPE: Final = "application/json"
PATH: Final = "v1/probe"
NONCE: Final = 16  # octets
LARGEST_QUESTION: Final = 2 * LIMITS.request_size  # octets: what a VAS was asked, in base64
LARGEST_ANSWER: Final = 64 * 1024
_LONGEST_DETAIL: Final = 300  # characters
_PORTS: Final = range(1, 1 << 16)


@dataclass(frozen=True)
class Question:
    """One probe that is asked for."""

    nonce: bytes
    target: ProbeTarget

    def encode(self) -> bytes:
        """Return it as JSON; what is offered follows from the chain, and is not in it."""
        target = self.target
        name = {} if target.server_name is None else {"serverName": target.server_name}
        return dump(
            {
                "nonce": self.nonce.hex(),
                "addresses": [{"address": address_text(address)} for address in target.addresses],
                "port": target.port,
                **name,
                "chain": [base64.b64encode(der).decode() for der in target.chain],
            }
        )


def parse_question(octets: bytes) -> Question:
    """Read a question; raises `Malformed`."""
    members = Members(load(octets, "question"), "question")
    chain, addresses = members.certificates("chain"), members.objects("addresses", _address)
    port = members.integer("port")
    if not chain or not addresses or len(addresses) > LIMITS.addresses or port not in _PORTS:
        raise Malformed(f"question: expected a chain, 1 to {LIMITS.addresses} addresses, and a port")
    try:
        name = host_name(members.text("serverName", 253)) if "serverName" in members else None
        offers = offers_for(chain)
    except (InputError, NoServerKey) as error:
        raise Malformed(f"question: {error}") from error
    der = tuple(each.public_bytes(Encoding.DER) for each in chain)
    return Question(members.hex("nonce", NONCE), ProbeTarget(addresses, port, name, offers, der))


def answer(nonce: bytes, found: Corroboration) -> bytes:
    """Return what was found as JSON, for the question of this nonce."""
    return dump({
        "nonce": nonce.hex(),
        "results": [
            {
                "address": address_text(each.address),
                "outcome": each.outcome,
                "intermediatesMatched": each.intermediates_matched,
                "seen": [octets.hex() for octets in each.seen if octets is not None],
                **({"detail": "; ".join(each.details)[:_LONGEST_DETAIL]} if each.details else {}),
            }
            for each in found.results
        ],
    })  # fmt: skip


def parse_answer(octets: bytes, question: Question) -> Corroboration:
    """Read the answer to a question; raises `Malformed`, also where it answers another one."""
    members = Members(load(octets, "answer"), "answer")
    if members.hex("nonce", NONCE) != question.nonce:
        raise Malformed("answer.nonce: is not that of the question")
    results = members.objects("results", _result)
    if tuple(each.address for each in results) != question.target.addresses:
        raise Malformed("answer.results: expected one for each address of the question, in its order")
    return Corroboration(results)


def _result(members: Members) -> ProbeResult:
    try:
        outcome = ProbeOutcome(members.text("outcome"))
    except ValueError as error:
        raise Malformed(f"{members.where}.outcome: expected one of {', '.join(ProbeOutcome)}") from error
    details = (members.text("detail", _LONGEST_DETAIL),) if "detail" in members else ()
    matched = members.boolean("intermediatesMatched")
    return ProbeResult(_address(members), outcome, matched, details, members.hexes("seen", HASH_SIZE))


def _address(members: Members) -> bytes:
    try:
        return address_octets(members.text("address"))
    except InputError as error:
        raise Malformed(f"{members.where}.{error}") from error

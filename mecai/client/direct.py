"""Direct mode (docs/spec M5): this client asks authorities itself, and they learn where it goes.

For servers that staple nothing yet. The same candidates, quorum and rules hold as for vouchers that a server sends.
Nobody is asked before the chain was found good, none whose word would be his own praise (V6), none about what is
private; and in the client's order no more than are needed: the next one where one refuses, or is slow.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.client.tellable import Tellable
from mecai.client.verdict import Demand, presented_by
from mecai.errors import InputError, Malformed, VerificationError
from mecai.protocol.objects.authorities import Authority, Server
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.names import host_name_of
from mecai.protocol.verify.connection import Accepted, examine, verify_connection
from mecai.protocol.verify.rules import VerificationContext, judge_voucher
from mecai.service.background import in_background
from mecai.service.deadline import Deadline
from mecai.tls import Facts
from mecai.vrp.answers import Held, RequestRefused
from mecai.vrp.ask import ask as ask_server
from mecai.vrp.ask import ask_authority

RULE: Final = "M5"
_REVOKED: Final = "revoked"  # a reason code, and a problem's (R7)
Told = Callable[[Authority], None]  # of each that is asked, before it is


@dataclass(frozen=True)
class Question:
    """What a handshake showed, what it has to satisfy, at which port, and of what authorities may hear at all."""

    demand: Demand
    facts: Facts
    port: int | None
    may: Tellable

    def examined(self, now: datetime) -> VerificationContext:
        """Judge the chain (C4); raises `VerificationError`."""
        demand = self.demand
        presented = presented_by(self.facts, demand.peer_address)
        return examine(presented, demand.directory, demand.policy, demand.server_name, now)

    def encode(self, context: VerificationContext) -> bytes:
        """Return the VoucherRequest; raises `VerificationError` (no-voucher) where nobody is to hear of it."""
        path, name = context.path[:-1], self.demand.server_name
        try:
            address = self.may.check(name, self.demand.peer_address, path)
            if self.port is None:
                raise _unanswered("the server's port is not known")
            end_entity, *issuers = map(_der, path)
            return VoucherRequest(end_entity, tuple(issuers), (address,), self.port, _host_name(name)).encode()
        except InputError as error:
            raise _unanswered(f"no authority is asked: {error}") from error
        except VerificationError as error:
            if error.rule == RULE:
                raise
            raise _unanswered(f"no authority can be asked: {error.detail}") from error


def ask_authorities(question: Question, told: Told, now: datetime, deadline: Deadline) -> Accepted:
    """Have as many authorities vouch as are demanded, within `deadline`; raises `VerificationError`."""
    context = question.examined(now)
    named = map(question.demand.directory.find, question.demand.policy.candidates)
    open_ = [each for each in named if each and each.servers and each.owner_group not in context.owners]
    if not open_:
        raise VerificationError("no-voucher", "C1", "each authority of the choice owns a CA of the server's chain")
    if not deadline.left():
        raise _unanswered("there was no time to ask an authority")
    answers = _Answers(question.encode(context), context, deadline, told)
    answers.collect(open_)
    return _verdict(answers, question, now)


@dataclass
class _Answers:
    """What comes of asking: the vouchers that came, whose of them passed, and why others gave none."""

    request: bytes
    context: VerificationContext
    deadline: Deadline
    told: Told
    vouchers: list[bytes] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)  # owner groups
    failures: dict[bytes, VerificationError] = field(default_factory=dict)  # by authority

    def collect(self, authorities: Sequence[Authority]) -> None:
        """Ask as many at a time as are wanted, and one more whenever these have had their share of the time."""
        waiting, pending = deque(authorities), dict[Future[bytes], Authority]()
        while (waiting or pending) and len(self.passed) < self.context.policy.quorum:
            while waiting and len(self.passed) + len(pending) < self.context.policy.quorum:
                self._begin(waiting.popleft(), pending)
            done = wait(pending, self.deadline.share(len(waiting) + 1).left(), FIRST_COMPLETED).done
            for answered in done:
                self._note(pending.pop(answered), answered)
            if not done and not waiting:
                break
            if not done:
                self._begin(waiting.popleft(), pending)
        for late in pending.values():
            self.failures[late.authority] = _unanswered(f"{late.name}: no answer in time")

    def _begin(self, authority: Authority, pending: dict[Future[bytes], Authority]) -> None:
        self.told(authority)
        pending[in_background(partial(ask_one, authority, self.request, self.deadline))] = authority

    def _note(self, authority: Authority, answered: Future[bytes]) -> None:
        try:
            voucher = answered.result()
            self.vouchers.append(voucher)
            self.passed.add(judge_voucher(voucher, self.context).authority.owner_group)
        except VerificationError as error:
            self.failures[authority.authority] = error


def _verdict(answers: _Answers, question: Question, now: datetime) -> Accepted:
    """Judge all that came by the rules for vouchers that a server sends (C2, C3, E6), or say why too little came."""
    demand = question.demand
    if answers.vouchers:
        presented = answers.context.presented
        try:
            return verify_connection(
                answers.vouchers, presented, demand.directory, demand.policy, server_name=demand.server_name, now=now
            )
        except VerificationError as error:
            if answers.passed or error.reason == "revoked":
                raise
    raise next(answers.failures[each] for each in demand.policy.candidates if each in answers.failures)


def ask_one(authority: Authority, request: bytes, deadline: Deadline) -> bytes:
    """Return the voucher of one authority, of which nothing is judged; raises `VerificationError` (M5)."""
    places = iter(range(len(authority.servers), 0, -1))

    def ask(server: Server, body: bytes) -> bytes | Held:
        return ask_server(server, body, deadline.share(next(places)))

    try:
        answer = ask_authority(authority.servers, request, ask)
    except RequestRefused as refused:
        raise _refusal(authority, refused) from refused
    if isinstance(answer, Held):
        raise _unanswered(f"{authority.name}: holds its voucher until {answer.until:%Y-%m-%dT%H:%M:%SZ}")
    return answer


def _refusal(authority: Authority, refused: RequestRefused) -> VerificationError:
    detail = f"{authority.name}: {refused}"
    if refused.status == HTTPStatus.CONFLICT:
        return VerificationError("certificate-mismatch", RULE, detail)
    if refused.forbidden and refused.code == _REVOKED:
        return VerificationError(_REVOKED, RULE, detail)
    if refused.status == HTTPStatus.OK:  # what should be a voucher is too long, or something else
        return Malformed(detail, RULE)
    return _unanswered(detail)


def _unanswered(detail: str) -> VerificationError:
    return VerificationError("no-voucher", RULE, detail)


def _host_name(name: str | None) -> str | None:
    """Return a host name in its normal form (I8), None for an address."""
    try:
        return host_name_of(name) if name else None
    except InputError:
        return None


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)

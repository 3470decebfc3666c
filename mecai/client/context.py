"""An `ssl.SSLContext` that demands vouchers.

Being an `SSLContext`, it serves whatever takes one. With the standard library:

    import http.client
    from mecai.client import VoucherContext

    context = VoucherContext.from_config()                       # /etc/mecai/client.toml
    connection = http.client.HTTPSConnection("www.example.test", context=context)
    connection.request("GET", "/")                               # raises mecai.client.Refused, or goes on

docs/python-client.md has urllib, urllib3, requests, httpx, aiohttp, asyncio and mail by STARTTLS.

Servers of a private network (`[[intranet]]`, rule M4) are told nothing of vouchers, and are held to the private CA of
their domain, which counts for no other name.

Ordinary validation of the chain and the host's name goes on as in any `SSLContext`, in every mode, against the
directory's roots or those of the private network; roots that a program adds (requests adds its own bundle) help nobody,
since the rules ask again. OpenSSL's word on a chain that passed holds as long as its verdict (ADR 85). Sessions are
resumed where the policy says so, for as long as their verdicts hold (T8). One context serves many connections and
threads: making one is the costly part.
"""

import logging
import random
import ssl
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from cryptography.hazmat.primitives.serialization import Encoding

from mecai import tls
from mecai.client.attempt import Attempt
from mecai.client.cache import VoucherCache
from mecai.client.choices import ALWAYS, DEFAULT_CONFIG, ENFORCE, NEVER, OFF, WARN
from mecai.client.choosing import Chooser, destination_of, rules_of
from mecai.client.in_flight import InFlight
from mecai.client.networks import PrivateNetworks
from mecai.client.objects import VoucherObject
from mecai.client.policy import ClientPolicy, read_policy
from mecai.client.quorum import PROBE, check_quorum
from mecai.client.sessions import Place, Sessions, Standing
from mecai.client.sockets import VoucherSocket
from mecai.client.state import load_directory, selection_key
from mecai.client.verdict import Demand, Grounds, Outcome, Verdict, is_readable, judge, peer_octets
from mecai.errors import HostError, InputError, VerificationError
from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.voucher import Voucher
from mecai.protocol.remembered import Remembered
from mecai.protocol.selection import Mode
from mecai.protocol.verify.cached import worth_naming
from mecai.protocol.verify.connection import Accepted
from mecai.service.deadline import Deadline

if TYPE_CHECKING:
    from mecai.client.besides import Besides
    from mecai.client.cache_file import VoucherFile
    from mecai.client.reporting import Reporter

LOG = logging.getLogger(__name__)
Clock = Callable[[], datetime]
_SECURE: Final = random.SystemRandom()
_REMEMBERED: Final = 256  # host names, and as many verdicts


class VoucherContext(ssl.SSLContext):
    """A client's TLS context that demands vouchers as a `ClientPolicy` says."""

    sslsocket_class = VoucherSocket
    sslobject_class = VoucherObject

    def __new__(cls, *_arguments: Any, **_more: Any) -> Self:  # noqa: ANN401 - those of __init__
        """Make the context that `ssl` makes for a client: certificate and host name are checked."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(
        self,
        policy: ClientPolicy,
        directory: Directory,
        key: bytes,
        clock: Clock = lambda: datetime.now(UTC),
        draw: random.Random = _SECURE,
    ) -> None:
        """Trust the roots of `directory` and select by the 32 octets `key`; `draw` is for reports and audits.

        Raises `HostError` where this Python does not let its OpenSSL be reached, `InputError` where the directory has
        fewer owner groups than must vouch, and either for a private network's roots.
        """
        self.policy, self.directory, self._clock = policy, directory, clock
        self.chooser = Chooser(policy, directory, key, clock)
        self._networks = PrivateNetworks(policy.intranets, directory)
        self._cache = self._make_cache()
        self._passed: Remembered[Hashable, Standing] = Remembered(_REMEMBERED)
        self._verified: Remembered[str | None, tls.Verified] = Remembered(_REMEMBERED)
        self._sessions, self._direct = Sessions(), InFlight[Accepted]()
        self.options |= ssl.OP_NO_RENEGOTIATION | (0 if policy.resume else ssl.OP_NO_TICKET)  # docs/spec, T9 and T8
        for root in directory.roots:
            self.load_verify_locations(cadata=root.public_bytes(Encoding.DER))
        check_quorum(policy, self.chooser.policy, self.chooser.candidates)
        self.besides = self._make_besides(draw)
        if self._networks or any(each.mode != OFF for each in self.chooser.policies):
            self._install()

    @classmethod
    def from_config(cls, path: Path = DEFAULT_CONFIG) -> Self:
        """Make a context as the configuration file says; raises `InputError`, `HostError` or `VerificationError`."""
        return cls.from_policy(read_policy(path))

    @classmethod
    def from_policy(cls, policy: ClientPolicy) -> Self:
        """Make a context with the directory and the selection key that `policy` names."""
        return cls(policy, load_directory(policy, datetime.now(UTC)), selection_key(policy.selection_key_file))

    def load_cert_chain(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - ssl's own
        """As `ssl.SSLContext.load_cert_chain`; a session would go on as whom it began with."""
        super().load_cert_chain(*arguments, **more)
        self._sessions = Sessions()  # connections that are open go on to fill the former ones

    @property
    def reporter(self) -> "Reporter | None":
        """What reports refusals (M3), where that is wanted anywhere; its `ask` is a program's to set."""
        return self.besides.reporter if self.besides else None

    def _make_cache(self) -> "VoucherCache | VoucherFile":
        """Return where vouchers are kept; what keeps a file is loaded where the policy names one."""
        if self.policy.cache_file is None:
            return VoucherCache()
        from mecai.client.cache_file import VoucherFile  # noqa: PLC0415

        return VoucherFile(self.policy.cache_file)

    def _make_besides(self, draw: random.Random) -> "Besides | None":
        """Return what follows verdicts, where anything is to; loaded then, for most programs want none of it."""
        if all(each.reporting == NEVER and not each.audit for each in self.chooser.policies):
            return None
        from mecai.client.besides import Besides  # noqa: PLC0415

        return Besides(self.policy, self.chooser.policies, self.directory, self._clock, draw)

    @property
    def contexts(self) -> tuple[str, ...]:
        """The client's own trust contexts: its directory's, unless the policy says otherwise (docs/spec, X5)."""
        return self.chooser.contexts(self.policy)

    def is_private(self, host: str) -> bool:
        """Tell whether a host name belongs to a private network, so that rule M4 is its measure."""
        return self._networks.find(host) is not None

    def begin(
        self, connection: tls.Connection, server_name: str | None, peer_address: str | None, port: int | None = None
    ) -> Attempt:
        """Choose candidates and attach them to `connection`, whose handshake is about to begin.

        A server of a private network is told none of them; the connection then trusts that network's roots alone. Where
        there are such networks no session is resumed, for it would carry the trust of one name over to another.
        """
        if self._networks:
            tls.forget_session(connection)
        attempt = self._attempt(server_name, peer_address, port)
        tls.attach(connection, attempt.exchange)  # always: that of one which was at this place in memory may live on
        if attempt.network:
            attempt.network.confine(connection)
        if not (attempt.exchange.offer and attempt.policy.resumes and server_name and attempt.extension):
            return attempt
        place = Place(server_name, peer_address, port, rules_of(attempt.extension, attempt.policy))
        return replace(attempt, resumption=self._sessions.begin(connection, place, self._clock()))

    def _attempt(self, server_name: str | None, peer_address: str | None, port: int | None) -> Attempt:
        """Return what to ask a server for."""
        unasked = tls.Exchange({})
        network, destination = self._networks.find(server_name), destination_of(server_name, peer_address)
        policy = self.chooser.policy(destination)
        if network or policy.mode == OFF:
            return Attempt(None, unasked, server_name, peer_address, policy, network, port=port)
        try:
            extension, octets = self.chooser.choice(destination, policy)
        except InputError as error:  # what is no host name (I8) is judged, and never an error of the handshake (M1)
            return Attempt(None, unasked, server_name, peer_address, policy, fault=str(error), port=port)
        if policy.direct == ALWAYS:
            return Attempt(extension, unasked, server_name, peer_address, policy, port=port)
        if cached := self._worth_naming(extension, policy, server_name, peer_address):
            extension = replace(extension, cached=tuple(voucher.hash for voucher in cached))
            octets = extension.encode()
        offer = {VOUCHER: b"", VOUCHER_REQUEST: octets}
        exchange = tls.Exchange(offer, is_readable) if policy.mode == ENFORCE else tls.Exchange(offer)  # M1
        if policy.mode == ENFORCE:
            exchange.known = self._verified.get(server_name, self._clock())
        return Attempt(extension, exchange, server_name, peer_address, policy, cached=cached, port=port)

    def _worth_naming(
        self, extension: RequestExtension, policy: ClientPolicy, server_name: str | None, peer_address: str | None
    ) -> tuple[Voucher, ...]:
        if not server_name or not policy.caches or not (held := self._cache.held(server_name)):
            return ()
        rules = rules_of(extension, policy)
        return worth_naming(held, peer_octets(peer_address), self.directory, rules, self._clock())

    def judge(self, attempt: Attempt, facts: tls.Facts, deadline: Deadline) -> Verdict:
        """Judge what a handshake showed; under `warn` a refusal is said and no more."""
        started = time.perf_counter()
        grounds = Grounds()
        outcome, failure = Outcome.ACCEPTED, None
        try:
            grounds = self._apply_rules(attempt, facts, deadline)
        except VerificationError as error:
            failure = error
            outcome = Outcome.REFUSED if attempt.policy.mode == ENFORCE else Outcome.WARNED
            self._sessions.forget(attempt.server_name or "")
            if attempt.policy.mode == WARN:
                LOG.warning("%s would be refused: %s", attempt.server_name, error)
        if failure is None and attempt.policy.selection == Mode.RANDOM.value:
            self.chooser.draw_anew(destination_of(attempt.server_name, attempt.peer_address))
        verdict = Verdict(
            outcome=outcome,
            reason=failure.reason if failure else None,
            rule=failure.rule if failure else None,
            detail=failure.detail if failure else "",
            grounds=grounds,
            intranet=attempt.network is not None,
            candidates=attempt.extension.candidates if attempt.extension else (),
            peer_address=attempt.peer_address,
            facts=facts,
            seconds=time.perf_counter() - started,
            request=len(attempt.exchange.offer.get(VOUCHER_REQUEST, b"")),
            answer=len(attempt.exchange.answer or b""),
            asked=tuple(attempt.asked),
        )
        if self.besides:
            self.besides.follow(attempt, verdict, rules_of)
        return verdict

    def _apply_rules(self, attempt: Attempt, facts: tls.Facts, deadline: Deadline) -> Grounds:
        """Return what an acceptance rests upon; raises `VerificationError`."""
        if attempt.policy.mode == OFF:
            raise VerificationError("not-checked", "M1", "the mode is off: nothing was asked for")
        if attempt.network and attempt.server_name:
            return Grounds(proofs=attempt.network.judge(facts, attempt.server_name, self._clock(), deadline))
        if attempt.fault:
            raise VerificationError("untrusted", "C4", attempt.fault)
        if attempt.extension is None:
            raise VerificationError("not-checked", "M1", "no voucher was asked for")
        if standing := attempt.resumption and attempt.resumption.standing(attempt.exchange, facts, self._clock()):
            return Grounds(vouched=standing.vouched, resumed=standing.since)
        cached, rules = tuple(voucher.der for voucher in attempt.cached), rules_of(attempt.extension, attempt.policy)
        passed: tuple[Voucher, ...] = ()
        demand = Demand(self.directory, rules, attempt.server_name, attempt.peer_address, cached)
        try:
            standing = self._judge(attempt, demand, facts, deadline)
            if attempt.exchange.answer is not None:  # a server that does not answer is told of none
                passed = tuple(each.voucher for each in standing.vouched)
        finally:
            self._remember(attempt, passed)
        if attempt.resumption:
            attempt.resumption.keep(attempt.exchange, facts, standing)
        return Grounds(vouched=standing.vouched)

    def _judge(self, attempt: Attempt, demand: Demand, facts: tls.Facts, deadline: Deadline) -> Standing:
        """Return who vouched; raises `VerificationError`. What passed passes again until something of it ends."""
        answer = attempt.exchange.answer
        now, shown = self._clock(), (answer, facts.chain, facts.staple, facts.resumed)
        key = (shown, demand.policy, demand.server_name, demand.peer_address, demand.cached)
        if (standing := self._passed.get(key, now)) is None:
            accepted = self._accept(attempt, demand, facts, key, deadline)
            standing = Standing(accepted.vouched, now, accepted.until)
            self._passed.put(key, standing, now, accepted.until)
            if verified := attempt.exchange.verified:
                self._verified.put(demand.server_name, verified, now, accepted.until)
        return standing

    def _accept(
        self, attempt: Attempt, demand: Demand, facts: tls.Facts, key: Hashable, deadline: Deadline
    ) -> Accepted:
        """Judge what the server sent and, where that is nothing and the policy says so, what authorities say (M5)."""
        now = self._clock()
        try:
            return judge(demand, attempt.exchange.answer, facts, now)
        except VerificationError as error:
            if attempt.policy.direct == NEVER or error.rule != "C1":
                raise
        from mecai.client.direct import Question, ask_authorities  # noqa: PLC0415 - as few programs as may want it

        question = Question(demand, facts, attempt.port, self.policy.tellable)
        return self._direct.ask(
            key,
            lambda: ask_authorities(question, lambda each: attempt.asked.append(each.authority), now, deadline),
            deadline,
        )

    def _remember(self, attempt: Attempt, passed: tuple[Voucher, ...]) -> None:
        """Keep what passed, and forget what was named and did not (C5); under `warn` nothing is kept (M1)."""
        if attempt.policy.caches and attempt.server_name:
            self._cache.settle(attempt.server_name, attempt.cached, passed if attempt.peer_address else ())

    def _install(self) -> None:
        """Teach OpenSSL the extensions, and go the way to a connection's C object once, before it matters."""
        try:
            tls.install(self, answered=VOUCHER, unanswered=VOUCHER_REQUEST)
            tls.install_verified(self)
            if self.policy.resume:
                tls.install_sessions(self)
            probe = self.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=PROBE)
            cast("VoucherObject", probe).begin()
        except tls.UnsupportedRuntimeError as error:
            raise HostError(str(error)) from error

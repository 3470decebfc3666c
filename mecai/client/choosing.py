"""Whom a client names to a server, and by which rules it judges what comes back: what a policy says of a destination.

What was drawn stands for as long as docs/spec says (S2, S3), however often somebody asks.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final

from mecai.client.domains import most_fitting
from mecai.client.draws import DRAW_STANDS, Draws
from mecai.client.policy import ClientPolicy
from mecai.client.regional import regions_without
from mecai.errors import InputError
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.names import host_name_of
from mecai.protocol.remembered import Remembered
from mecai.protocol.selection import Mode, candidates, drawn_until
from mecai.protocol.verify.connection import Policy

_REMEMBERED: Final = 256  # destinations


class Chooser:
    """Chooses for one client; `key` are the 32 octets that make its choice its own. Safe for threads."""

    def __init__(self, policy: ClientPolicy, directory: Directory, key: bytes, clock: Callable[[], datetime]) -> None:
        self._policy, self._directory, self._key, self._clock = policy, directory, key, clock
        self._by_domain, self._draws = policy.by_domain(), Draws()
        self._choices: Remembered[str, tuple[RequestExtension, bytes]] = Remembered(_REMEMBERED)

    @property
    def policies(self) -> tuple[ClientPolicy, ...]:
        """Every policy that holds anywhere."""
        return (self._policy, *self._by_domain.values())

    def policy(self, destination: str) -> ClientPolicy:
        """Return what holds for a destination."""
        return most_fitting(self._by_domain, destination) or self._policy

    def contexts(self, policy: ClientPolicy) -> tuple[str, ...]:
        """Return the client's own trust contexts: its directory's, unless a policy says otherwise (docs/spec, X5)."""
        return (self._directory.context,) if policy.contexts is None else policy.contexts

    def choice(self, destination: str, policy: ClientPolicy) -> tuple[RequestExtension, bytes]:
        """Return what to ask for, and its octets: the same until another is to be drawn (S2, S3)."""
        now = self._clock()
        if found := self._choices.get(destination, now):
            return found
        named = self.candidates(destination)
        extension = RequestExtension(policy.numbers.quorum, named, self.contexts(policy))
        choice = extension, extension.encode()
        is_random = policy.selection == Mode.RANDOM.value
        until = now + DRAW_STANDS if is_random else drawn_until(self._directory, destination, now, self._key)
        self._choices.put(destination, choice, now, until)
        return choice

    def candidates(self, destination: str) -> tuple[bytes, ...]:
        """Name authorities for a host name or an address, in order of preference."""
        without, policy, now = (
            regions_without(self._policy.regional, destination),
            self.policy(destination),
            self._clock(),
        )
        is_random = not without and policy.selection == Mode.RANDOM.value
        return candidates(
            self._directory,
            destination,
            now,
            key=self._draws.key(destination, now) if is_random else self._key,
            k=policy.numbers.candidates,
            mode=Mode.REGIONAL if without else Mode.STICKY,
            excluded_regions=without,
        )

    def draw_anew(self, destination: str) -> None:
        """Let the next connection to a destination have another draw."""
        self._draws.accept(destination, self._clock())
        self._choices.forget(destination)

    def forget(self) -> None:
        """Forget what is remembered; the same is chosen again."""
        self._choices.clear()


def rules_of(extension: RequestExtension, policy: ClientPolicy) -> Policy:
    """Return the rules for vouchers that answer what was asked for."""
    return Policy(
        candidates=extension.candidates,
        quorum=extension.quorum,
        contexts=extension.contexts,
        max_voucher_lifetime=policy.max_voucher_lifetime,
        voucher_age=policy.max_voucher_age,
        status_age=policy.max_status_age or Policy.status_age,
        crl_age=policy.max_status_age,
        nat64_prefixes=(*Policy.nat64_prefixes, *map(str, policy.nat64_prefixes)),
    )


@lru_cache(_REMEMBERED)
def destination_of(server_name: str | None, peer_address: str | None) -> str:
    """Return for what candidates are chosen: the host name in normal form or, where there is none, the address."""
    if not server_name:
        return peer_address or ""
    try:
        return host_name_of(server_name)
    except InputError:
        return server_name  # an address, or what no rule will accept

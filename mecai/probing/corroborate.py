"""What the addresses of a server show, taken together (docs/spec P2, P6).

Every address is probed. Up to three handshakes are made with each, for behind one address there may be several servers,
and one that shows the certificate agrees. Where two have shown the same other one there is no third, for that is what a
stranger can have a VA pay for (ADR 0055). They share their time, so that one which timed out is the last. What each
address showed is a value, also where it disagrees or is silent: who asked decides what follows from it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from mecai.net.dial import Unreachable
from mecai.probing.handshake import HandshakeFailed
from mecai.probing.offer import Offer
from mecai.protocol.pki.identity import address_text, certificate_hash
from mecai.service.at_once import at_once
from mecai.service.deadline import Deadline

HANDSHAKES: Final = 3  # at most, with one address
ADDRESS_SECONDS: Final = 5.0  # for all of them together

# `mecai.probing.handshake.probe`, or what stands for it in a test.
Probe = Callable[[bytes, int, str | None, Offer, Deadline], tuple[bytes, ...]]


@dataclass(frozen=True)
class ProbeTarget:
    """Where to ask, and what should be shown there: a chain in DER, end entity first, root left out.

    Of `offers`, each is made where one with that before it failed, the first again where another certificate was shown.
    """

    addresses: tuple[bytes, ...]
    port: int
    server_name: str | None
    offers: tuple[Offer, ...]
    chain: tuple[bytes, ...]


class ProbeOutcome(StrEnum):
    """What came of an address, the gravest failure first: it says most about the server."""

    AGREED = "agreed"
    ANOTHER_CERTIFICATE = "another-certificate"
    HANDSHAKE_FAILED = "handshake-failed"
    UNREACHABLE = "unreachable"


_GRAVITY: Final = tuple(ProbeOutcome)


@dataclass(frozen=True)
class ProbeResult:
    """What one address showed. `seen` has the SHA-256 of each other certificate, None for an empty chain."""

    address: bytes
    outcome: ProbeOutcome
    intermediates_matched: bool = False
    details: tuple[str, ...] = ()
    seen: tuple[bytes | None, ...] = ()


@dataclass(frozen=True)
class Corroboration:
    """The results of all addresses, in the target's order."""

    results: tuple[ProbeResult, ...]

    @property
    def addresses(self) -> tuple[bytes, ...]:
        """The addresses that agreed."""
        return tuple(each.address for each in self._agreed)

    @property
    def intermediates_matched(self) -> bool:
        """Whether every address that agreed showed the target's intermediates too."""
        return all(each.intermediates_matched for each in self._agreed)

    @property
    def gravest(self) -> tuple[ProbeResult, ...]:
        """The results of the gravest kind of failure; to be asked where no address agreed."""
        kind = min((each.outcome for each in self.results), key=_GRAVITY.index)
        return tuple(each for each in self.results if each.outcome is kind)

    @property
    def _agreed(self) -> tuple[ProbeResult, ...]:
        return tuple(each for each in self.results if each.outcome is ProbeOutcome.AGREED)


def corroborate(target: ProbeTarget, probe: Probe, deadline: Deadline) -> Corroboration:
    """Probe all addresses of a target at once; no address's failure is an error."""
    return Corroboration(at_once(partial(_examine, target, probe, deadline), target.addresses, "probe"))


def _examine(target: ProbeTarget, probe: Probe, deadline: Deadline, address: bytes) -> ProbeResult:
    """Return the first handshake that shows the certificate, or the gravest failures of all of them."""
    failures: list[ProbeResult] = []
    deadline = deadline.within(ADDRESS_SECONDS)
    offers = target.offers
    for _ in range(HANDSHAKES):
        result = _shake_hands(target, probe, offers[0], deadline, address)
        if result.outcome is ProbeOutcome.AGREED:
            return result
        failures.append(result)
        if _is_last(result, failures[:-1]) or not deadline.left():
            break
        failed = result.outcome is ProbeOutcome.HANDSHAKE_FAILED
        offers = offers[1:] or offers if failed else target.offers  # what offers more lets other certificates in
    return _summary(Corroboration(tuple(failures)).gravest)


def _is_last(result: ProbeResult, before: Collection[ProbeResult]) -> bool:
    """Tell whether nothing new is to be expected: nobody answers, or another certificate is shown once more."""
    again = result.outcome is ProbeOutcome.ANOTHER_CERTIFICATE and result in before
    return again or result.outcome is ProbeOutcome.UNREACHABLE


def _shake_hands(target: ProbeTarget, probe: Probe, offer: Offer, deadline: Deadline, address: bytes) -> ProbeResult:
    try:
        chain = probe(address, target.port, target.server_name, offer, deadline)
    except (Unreachable, HandshakeFailed) as error:
        outcome = ProbeOutcome.UNREACHABLE if isinstance(error, Unreachable) else ProbeOutcome.HANDSHAKE_FAILED
        return ProbeResult(address, outcome, details=(str(error),))
    if chain[:1] == target.chain[:1]:
        return ProbeResult(address, ProbeOutcome.AGREED, chain[1:] == target.chain[1:])
    detail = f"{address_text(address)}: shows another certificate than the expected one"
    seen = certificate_hash(chain[0]) if chain else None
    return ProbeResult(address, ProbeOutcome.ANOTHER_CERTIFICATE, details=(detail,), seen=(seen,))


def _summary(results: tuple[ProbeResult, ...]) -> ProbeResult:
    """Take several handshakes with one address, all of one outcome, as one result; repetitions are left out."""
    details = dict.fromkeys(detail for each in results for detail in each.details)
    seen = dict.fromkeys(octets for each in results for octets in each.seen)
    return ProbeResult(results[0].address, results[0].outcome, details=tuple(details), seen=tuple(seen))

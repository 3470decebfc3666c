"""What the requested addresses show, taken together (docs/spec P2, P6).

Every address is probed. Up to three handshakes are made with each, for behind one address there may be several servers,
and one that shows the certificate agrees. An address that disagrees or does not answer drops out; if none is left, the
request is refused, and the refusal says what was seen.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_text, certificate_hash
from mecai.service.deadline import Deadline
from mecai.vas.problem import Code, Problem

HANDSHAKES: Final = 3
# Of several failures the first of these is told: it says most about the server.
_GRAVITY: Final = (Code.CERTIFICATE_MISMATCH, Code.HANDSHAKE_FAILED, Code.UNREACHABLE)

# `mecai.probing.handshake.probe`, or what stands for it in a test.
Probe = Callable[[bytes, int, str | None, x509.Certificate, Deadline], tuple[bytes, ...]]
Outcome = tuple[bytes, ...] | Problem


@dataclass(frozen=True)
class Sighting:
    """The addresses that agreed, in the request's order, and whether each also showed the request's intermediates."""

    addresses: tuple[bytes, ...]
    intermediates_matched: bool


def look(request: VoucherRequest, server_name: str | None, probe: Probe, deadline: Deadline) -> Sighting:
    """Probe all addresses of a request at once; raises `Problem` when none of them shows its certificate."""
    wanted = x509.load_der_x509_certificate(request.certificate)

    def outcome(address: bytes) -> Outcome:
        return _outcome(request, address, lambda: probe(address, request.port, server_name, wanted, deadline))

    with ThreadPoolExecutor(max_workers=len(request.addresses), thread_name_prefix="probe") as pool:
        outcomes = dict(zip(request.addresses, pool.map(outcome, request.addresses), strict=True))
    chains = {address: chain for address, chain in outcomes.items() if not isinstance(chain, Problem)}
    if not chains:
        raise _gravest([problem for problem in outcomes.values() if isinstance(problem, Problem)])
    return Sighting(tuple(chains), all(chain[1:] == request.intermediates for chain in chains.values()))


def _outcome(request: VoucherRequest, address: bytes, shake_hands: Callable[[], tuple[bytes, ...]]) -> Outcome:
    """Return the chain of the first handshake that shows the certificate, or the gravest of the failures."""
    problems: list[Problem] = []
    for _ in range(HANDSHAKES):
        try:
            chain = shake_hands()
        except Problem as problem:
            problems.append(problem)
            if problem.code is Code.UNREACHABLE:
                break
        else:
            if chain[:1] == (request.certificate,):
                return chain
            problems.append(_mismatch(address, chain))
    return _gravest(problems)


def _mismatch(address: bytes, chain: tuple[bytes, ...]) -> Problem:
    seen = certificate_hash(chain[0]).hex() if chain else None
    detail = f"{address_text(address)}: shows another certificate than the one of the request"
    return Problem(
        Code.CERTIFICATE_MISMATCH, detail, extra={"seen": [{"address": address_text(address), "certificateHash": seen}]}
    )


def _gravest(problems: Sequence[Problem]) -> Problem:
    """Tell the gravest kind of failure, with all of that kind."""
    code = min((problem.code for problem in problems), key=_GRAVITY.index)
    those = [problem for problem in problems if problem.code is code]
    seen = [each for problem in those for each in problem.extra.get("seen", ())]
    detail = "; ".join(dict.fromkeys(problem.detail for problem in those))
    distinct = [each for place, each in enumerate(seen) if each not in seen[:place]]
    return Problem(code, detail, extra={"seen": distinct} if distinct else None)

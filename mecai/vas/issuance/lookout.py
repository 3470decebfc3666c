"""What the VAS sees of a target, and then its agents, all at once; and what they agree on (docs/spec P5, P6).

What the VAS does not see itself, no agent is asked about: they can only take away, and their time is for what matters.
"""

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from mecai.errors import HostError
from mecai.net.revocations import Guarded
from mecai.net.web import trusting
from mecai.probing.agent import Agent
from mecai.probing.corroborate import Corroboration, Probe, ProbeTarget, corroborate
from mecai.probing.lookups import Look, Records, RecordType
from mecai.probing.patience import Answers, Patience, Round
from mecai.probing.quorum import Agreement, Perspective, agreement
from mecai.probing.views import View, Views
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates
from mecai.vas.config import PerspectiveSettings
from mecai.vas.issuance.agreement import require_agreement
from mecai.vas.refusal import Code, Refusal

LOG = logging.getLogger(__name__)
HERE: Final = "vas"  # the name of this perspective
Addresses = tuple[bytes, ...]


class Asked(Protocol):
    """An agent, as `mecai.probing.agent.Agent` is one."""

    @property
    def perspective(self) -> Perspective:
        """Where it looks from."""
        ...

    def ask(self, target: ProbeTarget, deadline: Deadline) -> Corroboration:
        """Have it probe a target; raises `HostError`."""
        ...

    def look(self, name: str, kind: RecordType, deadline: Deadline) -> Records:
        """Have it look a name up in the DNS; raises `HostError`."""
        ...


@dataclass(frozen=True)
class Lookout:
    """The probe of the VAS itself, in its region, and its agents."""

    region: str
    probe: Probe
    agents: Sequence[Asked] = ()
    patience: Patience = field(default_factory=Patience)

    def look(self, target: ProbeTarget, deadline: Deadline) -> Agreement:
        """Return what is agreed on, of one address at least; raises `Refusal`.

        It says how many agents agreed, not which: who attacks some networks is not told how far he came. The log is.
        """
        here, own = Perspective(HERE, self.region), corroborate(target, self.probe, deadline)
        require_agreement(own)
        if not self.agents:
            return agreement(here, own, {})

        def agreed(answers: Answers[Corroboration], others: Sequence[Perspective]) -> Addresses:
            none = dict.fromkeys(agent.perspective for agent in self.agents)
            return agreement(here, own, none | dict(answers) | dict.fromkeys(others, own)).addresses

        asked = Round(self.agents, partial(_answer, target, deadline), self.patience)
        seen = asked.answers(agreed)
        found = agreement(here, own, seen)
        if not found.addresses:
            raise _disagreement(own, seen)
        return found


def views(region: str, look: Look, agents: Sequence[Asked], patience: Patience | None = None) -> Views:
    """Return where the DNS is asked: here, by `look`, and at the agents."""
    here = View(Perspective(HERE, region), look)
    return Views((here, *(View(agent.perspective, agent.look) for agent in agents)), patience or Patience())


def _answer(target: ProbeTarget, deadline: Deadline, agent: Asked) -> Corroboration | None:
    try:
        return agent.ask(target, deadline)
    except HostError as error:
        LOG.warning("no answer from an agent: %s", error)
        return None


def _disagreement(own: Corroboration, seen: Answers[Corroboration]) -> Refusal:
    agreed = [name.name for name, found in seen.items() if found and set(found.addresses) & set(own.addresses)]
    detail = f"{len(agreed)} of {len(seen)} other perspectives saw the certificate; that is no quorum"
    told = {
        name.name: "; ".join(each.outcome for each in found.results) if found else "no answer"
        for name, found in seen.items()
    }
    return Refusal(
        Code.PERSPECTIVES_DISAGREE, detail, cause="; ".join(f"{name}: {what}" for name, what in told.items())
    )


def guarded(settings: PerspectiveSettings) -> Guarded:
    """Return by what agents are spoken to; raises `HostError` or `InputError` for files that cannot be used.

    The lists of revoked certificates may be missing, or too old, until something brings others.
    """
    make = partial(_context, settings)
    make()
    return Guarded(make, settings.crl)


def make_agents(settings: PerspectiveSettings, tls: Guarded) -> tuple[Agent, ...]:
    """Return the agents of a configuration; none is asked yet."""
    return tuple(Agent(Perspective(each.name, each.region), each.url, tls.context) for each in settings.agents)


def _context(settings: PerspectiveSettings) -> ssl.SSLContext:
    context = trusting(load_certificates(settings.roots))
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        files = f"{settings.certificate} and {settings.key}"
        raise HostError(f"{files}: are no certificate and its key ({error}); see [perspectives]") from error
    return context

"""What the VAS and its agents see of a target, asked at once, and what they agree on (docs/spec P5, P6)."""

import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from mecai.errors import HostError
from mecai.net.web import trusting
from mecai.probing.agent import Agent
from mecai.probing.corroborate import Corroboration, Probe, ProbeTarget, corroborate
from mecai.probing.lookups import Look, Records, RecordType
from mecai.probing.quorum import Agreement, Perspective, agreement
from mecai.probing.views import View, Views
from mecai.service.at_once import at_once
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates
from mecai.vas.config import PerspectiveSettings
from mecai.vas.issuance.agreement import require_agreement
from mecai.vas.refusal import Code, Refusal

LOG = logging.getLogger(__name__)
HERE: Final = "vas"  # the name of this perspective


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

    def look(self, target: ProbeTarget, deadline: Deadline) -> Agreement:
        """Return what is agreed on, of one address at least; raises `Refusal`.

        It says how many agents agreed, not which: who attacks some networks is not told how far he came. The log is.
        """
        ways: list[Callable[[], Corroboration | None]] = [partial(corroborate, target, self.probe, deadline)]
        ways += [partial(_answer, agent, target, deadline) for agent in self.agents]
        own, *answers = at_once(lambda way: way(), ways, "perspective")
        if own is None:
            raise RuntimeError("the VAS's own probe says what it saw, or raises")
        require_agreement(own)
        seen = {agent.perspective: answer for agent, answer in zip(self.agents, answers, strict=True)}
        found = agreement(Perspective(HERE, self.region), own, seen)
        if not found.addresses:
            raise _disagreement(own, seen)
        return found


def views(region: str, look: Look, agents: Sequence[Asked]) -> Views:
    """Return where the DNS is asked: here, by `look`, and at the agents."""
    here = View(Perspective(HERE, region), look)
    return Views((here, *(View(agent.perspective, agent.look) for agent in agents)))


def _answer(agent: Asked, target: ProbeTarget, deadline: Deadline) -> Corroboration | None:
    try:
        return agent.ask(target, deadline)
    except HostError as error:
        LOG.warning("no answer from an agent: %s", error)
        return None


def _disagreement(own: Corroboration, seen: dict[Perspective, Corroboration | None]) -> Refusal:
    agreed = [name.name for name, found in seen.items() if found and set(found.addresses) & set(own.addresses)]
    detail = f"{len(agreed)} of {len(seen)} other perspectives saw the certificate; that is no quorum"
    told = {
        name.name: "; ".join(each.outcome for each in found.results) if found else "no answer"
        for name, found in seen.items()
    }
    return Refusal(
        Code.PERSPECTIVES_DISAGREE, detail, cause="; ".join(f"{name}: {what}" for name, what in told.items())
    )


def make_agents(settings: PerspectiveSettings) -> tuple[Agent, ...]:
    """Return the agents of a configuration; raises `HostError` for files that cannot be used. None is asked yet."""
    context = trusting(load_certificates(settings.roots))
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        files = f"{settings.certificate} and {settings.key}"
        raise HostError(f"{files}: are no certificate and its key ({error}); see [perspectives]") from error
    return tuple(Agent(Perspective(each.name, each.region), each.url, context) for each in settings.agents)

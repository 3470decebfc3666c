"""What `mecai vas perspectives` does, loaded when it does it: asks all agents at once."""

from dataclasses import dataclass

from mecai.errors import HostError
from mecai.probing.agent import SECONDS, Agent
from mecai.probing.quorum import Perspective, are_enough
from mecai.service.at_once import at_once
from mecai.service.deadline import Deadline
from mecai.vas.config import PerspectiveSettings
from mecai.vas.issuance.lookout import HERE, guarded, make_agents


@dataclass(frozen=True)
class Asked:
    """An agent, and why it is not ready, None if it is."""

    agent: str
    region: str
    url: str
    fault: str | None


def ask_agents(settings: PerspectiveSettings) -> tuple[list[Asked], bool]:
    """Return what each agent says, and whether those that are ready are enough for a voucher (docs/spec P5)."""
    agents = make_agents(settings, guarded(settings))
    faults = at_once(_fault, agents, "agent")
    states = [
        Asked(agent.perspective.name, agent.perspective.region, agent.url, fault)
        for agent, fault in zip(agents, faults, strict=True)
    ]
    ready = [agent.perspective for agent, fault in zip(agents, faults, strict=True) if fault is None]
    return states, are_enough((Perspective(HERE, settings.region), *ready), len(agents))


def _fault(agent: Agent) -> str | None:
    try:
        agent.require_ready(Deadline(SECONDS))
    except HostError as error:
        return str(error)
    return None

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
    """An agent, and why it is not ready, None if it is; then, what a person has to look at there."""

    agent: str
    region: str
    url: str
    fault: str | None
    concerns: tuple[str, ...] = ()


def ask_agents(settings: PerspectiveSettings) -> tuple[tuple[Asked, ...], bool]:
    """Return what each agent says, and whether those that are ready are enough for a voucher (docs/spec P5)."""
    agents = make_agents(settings, guarded(settings))
    states = at_once(_ask, agents, "agent")
    ready = [agent.perspective for agent, state in zip(agents, states, strict=True) if state.fault is None]
    return states, are_enough((Perspective(HERE, settings.region), *ready), len(agents))


def _ask(agent: Agent) -> Asked:
    known = agent.perspective.name, agent.perspective.region, agent.url
    try:
        return Asked(*known, None, agent.require_ready(Deadline(SECONDS)))
    except HostError as error:
        return Asked(*known, str(error))

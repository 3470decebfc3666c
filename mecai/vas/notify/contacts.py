"""Who is to be told about a domain (docs/spec H3): the union of what registry, DNS and this VA's own memory know."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mecai.errors import MecaiError
from mecai.service.deadline import Deadline

LOG = logging.getLogger(__name__)
MOST: Final = 10  # contacts of one domain that one source names: whoever publishes more does not want to be told
SECONDS: Final = 20.0  # for each source, at most

# Returns the mail addresses that one source knows for a domain; raises `MecaiError`.
Source = Callable[[str, Deadline], tuple[str, ...]]


@dataclass(frozen=True)
class Found:
    """The contacts of a domain, and whether every source could be asked."""

    contacts: tuple[str, ...]
    complete: bool


@dataclass(frozen=True)
class Contacts:
    """The sources, each asked apart: what one does not know, or cannot tell now, another may.

    Whoever has a source in his hands, as a thief the DNS, crowds nobody out whom another one names.
    """

    sources: Sequence[Source]

    def find(self, domain: str, deadline: Deadline) -> Found:
        """Return whom to tell, at most `MOST` of each source; none can use up the time of those after it."""
        found: list[str] = []
        complete = True
        for place, source in enumerate(self.sources):
            try:
                found += source(domain, deadline.share(len(self.sources) - place).within(SECONDS))[:MOST]
            except MecaiError as error:
                LOG.warning("contacts not found: %s", error, extra={"domain": domain})
                complete = False
        return Found(tuple(dict.fromkeys(found)), complete)

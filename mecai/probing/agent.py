"""An agent on another network, as its VAS sees it: mutual TLS, a question, an answer within its time (docs/spec P5).

Connections are kept for the next questions. One may be asked twice (`mecai.net.kept`): it changes nothing at the agent,
and its nonce ties the answer to it.
"""

import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

from mecai.errors import HostError, InputError, Malformed
from mecai.net.kept import Kept
from mecai.net.url import read_url
from mecai.probing.corroborate import ADDRESS_SECONDS, Corroboration, ProbeTarget
from mecai.probing.lookups import PATH as LOOKUP_PATH
from mecai.probing.lookups import Lookup, Records, RecordType, parse_records
from mecai.probing.questions import LARGEST_ANSWER, MEDIA_TYPE, NONCE, PATH, Question, parse_answer
from mecai.probing.quorum import Perspective
from mecai.protocol.codec.strict_json import load
from mecai.service.deadline import Deadline
from mecai.service.printable import one_line, words

Result = TypeVar("Result")

READY: Final = "readyz"
_OK: Final = 200  # of HTTP
SECONDS: Final = ADDRESS_SECONDS + 3.0  # for a whole question: the probe, and the way there and back


@dataclass(frozen=True)
class Agent:
    """Where an agent is asked.

    `context` gives, for each question, what has the VAS's own certificate for the agent, and trusts the VA's private CA
    alone, the same as before where nothing changed; it raises `HostError` while nobody can be believed.
    """

    perspective: Perspective
    url: str
    context: Callable[[], ssl.SSLContext]

    def ask(self, target: ProbeTarget, deadline: Deadline) -> Corroboration:
        """Have the agent probe a target; raises `HostError`."""
        question = Question(secrets.token_bytes(NONCE), target)
        return self._answered(PATH, question.encode(), deadline, lambda octets: parse_answer(octets, question))

    def look(self, name: str, kind: RecordType, deadline: Deadline) -> Records:
        """Have the agent look a name up in the DNS; raises `HostError`."""
        lookup = Lookup(secrets.token_bytes(NONCE), name, kind)
        return self._answered(LOOKUP_PATH, lookup.encode(), deadline, lambda octets: parse_records(octets, lookup))

    def require_ready(self, deadline: Deadline) -> tuple[str, ...]:
        """Return what a person has to look at there, by the names of checks.

        Raises `HostError` unless the agent takes this VAS for its client, and says that it is ready.
        """
        return self._answered(READY, None, deadline, _concerns)

    @cached_property
    def _kept(self) -> Kept:
        """Return the connections there; raises `InputError`."""
        return Kept(read_url(self.url, "https"))

    def _answered(self, path: str, body: bytes | None, deadline: Deadline, parse: Callable[[bytes], Result]) -> Result:
        octets = self._exchange(path, deadline.within(SECONDS), body)
        try:
            return parse(octets)
        except Malformed as error:
            raise HostError(f"agent {self.perspective.name}: {error.detail}") from error

    def _exchange(self, path: str, deadline: Deadline, body: bytes | None = None) -> bytes:
        """Return the body of the agent's answer, which must be 200; raises `HostError`."""
        context, headers = self.context(), {"Content-Type": MEDIA_TYPE} if body else None
        try:
            answer = self._kept.exchange(path, context, deadline, LARGEST_ANSWER, body=body, headers=headers)
        except (OSError, InputError) as error:
            raise HostError(f"agent {self.perspective.name}: {words(error)}") from error
        if answer.status != _OK or not answer.complete:
            seen = f"{answer.status} {one_line(answer.phrase)}, {len(answer.body)} octets"
            raise HostError(f"agent {self.perspective.name}: answered {seen}; expected 200")
        return answer.body


def _concerns(octets: bytes) -> tuple[str, ...]:
    found = load(octets, "answer")
    named = found.get("concerns") if isinstance(found, dict) else None
    return tuple(map(str, named)) if isinstance(named, list) else ()

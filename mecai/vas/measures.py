"""What a server counts and times of its work, for Prometheus; `mecai.vas.http.metrics` shows it, in another process.

Where the environment's PROMETHEUS_MULTIPROC_DIR names a folder, the library keeps all of it there, in files of each
worker process that are summed up when they are read; otherwise in memory, where nobody looks.
"""

from typing import Final

from prometheus_client import Counter, Histogram

from mecai.probing.patience import Count, Fate
from mecai.probing.quorum import Perspective

_WORK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds
_SIGNATURE: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1)  # seconds

REQUEST: Final = Histogram(
    "mecai_vas_request_seconds",
    "Requests by route and by what came of them: a code of docs/spec R7, vouched, on-hold, or an HTTP status.",
    ["route", "outcome"],
    buckets=_WORK,
)
PROBE: Final = Histogram("mecai_vas_probe_seconds", "Probes of all addresses of one request.", buckets=_WORK)
SIGN: Final = Histogram(
    "mecai_vas_sign_seconds", "Signing one voucher, the way to the signer and back included.", buckets=_SIGNATURE
)
EVIDENCE: Final = Counter(
    "mecai_vas_evidence", "Pieces of evidence on certificates, by where they came from: cache or network.", ["source"]
)

AGENT: Final = Counter(
    "mecai_vas_agent_questions",
    "Questions to each agent (probe, dns; of the latter this host's own are those of vas), by what came of them.",
    ["agent", "question", "outcome"],
)


def count_agents(question: str) -> Count:
    """Return what counts the questions of a sort."""

    def count(place: Perspective, fate: Fate) -> None:
        AGENT.labels(place.name, question, fate).inc()

    return count


def count_evidence(kept: bool) -> None:
    """Count a question for a certificate's status: what is `kept` in memory is fetched from nobody."""
    EVIDENCE.labels("cache" if kept else "network").inc()

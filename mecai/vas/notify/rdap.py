"""The contacts that a domain's registry publishes (docs/spec H3): RDAP (RFC 9082, 9083) by IANA's list (RFC 9224)."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mecai.errors import HostError, InputError, Malformed
from mecai.protocol.codec import strict_json
from mecai.protocol.pki.mail_addresses import mail_address
from mecai.service.deadline import Deadline
from mecai.service.durable import host_errors

LARGEST: Final = 256 * 1024  # octets of an answer
DEEPEST: Final = 4  # entities in entities
_ROLES: Final = {"registrant", "administrative", "technical", "abuse"}

# GETs an https URL and returns the body, or None for an answer 404; raises `HostError`.
Get = Callable[[str, int, Deadline], bytes | None]


class Registries:
    """The RDAP servers by top-level domain, as in the file that IANA publishes (RFC 9224: `services`)."""

    def __init__(self, servers: Mapping[str, str]) -> None:
        self._servers = servers

    @classmethod
    def read(cls, path: Path) -> "Registries":
        """Read such a file; raises `HostError` or `InputError`."""
        with host_errors(path, "read"):
            content = path.read_bytes()
        try:
            document: Any = strict_json.load(content, "services")
            pairs = [(suffix.lower(), _https(urls)) for suffixes, urls in document["services"] for suffix in suffixes]
        except (Malformed, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{path}: is no list of RDAP services (RFC 9224): {error}") from error
        return cls({suffix: url for suffix, url in pairs if url})

    def url_for(self, domain: str) -> str | None:
        """Return where to ask about a domain, None if nobody is known."""
        labels = domain.split(".")
        suffixes = (".".join(labels[place:]) for place in range(1, len(labels)))
        base = next((self._servers[suffix] for suffix in suffixes if suffix in self._servers), None)
        return f"{base.rstrip('/')}/domain/{domain}" if base else None


def contacts_by_rdap(domain: str, deadline: Deadline, registries: Registries, get: Get) -> tuple[str, ...]:
    """Return the mail addresses that the registry publishes for a registered domain; raises `HostError`."""
    url = registries.url_for(domain)
    answer = get(url, LARGEST, deadline) if url else None
    if answer is None:
        return ()
    try:
        document: Any = strict_json.load(answer, "RDAP answer")
    except Malformed as error:
        raise HostError(f"{url}: {error.detail}") from error
    return tuple(dict.fromkeys(_of_entities(document, DEEPEST)))


def _https(urls: list[str]) -> str:
    return next((url for url in urls if url.startswith("https://")), "")


def _of_entities(holder: object, depth: int) -> Iterator[str]:
    entities = holder.get("entities") if isinstance(holder, dict) else None
    if not depth or not isinstance(entities, list):
        return
    for entity in entities:
        if isinstance(entity, dict):
            roles = entity.get("roles")
            if isinstance(roles, list) and any(role in _ROLES for role in roles if isinstance(role, str)):
                yield from _of_card(entity.get("vcardArray"))
            yield from _of_entities(entity, depth - 1)


def _of_card(card: object) -> Iterator[str]:
    """Name the addresses of a jCard (RFC 7095): `["vcard", [[name, parameters, type, value], ...]]`."""
    match card:
        case ["vcard", list(properties)]:
            for each in properties:
                match each:
                    case ["email", _, "text", str(text)]:
                        try:
                            yield mail_address(text)
                        except InputError:
                            continue

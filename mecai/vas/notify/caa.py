"""The contacts that a domain's CAA records name (docs/spec H3; RFC 8659, CA/Browser Forum: `contactemail`)."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from mecai.errors import InputError
from mecai.probing.lookups import Look, RecordType
from mecai.probing.views import Views
from mecai.protocol.pki.mail_addresses import mail_address
from mecai.service.deadline import Deadline

LONE: Final = 3  # contacts of a domain that one place names, and no quorum sees
_MAILTO: Final = "mailto:"
# Tag and value of each CAA record at a name itself, none where there is none; raises `OSError`, `MecaiError`.
Properties = Callable[[str, Deadline], tuple[tuple[str, bytes], ...]]


def contacts_by_caa(domain: str, deadline: Deadline, properties: Properties) -> tuple[str, ...]:
    """Return the mail addresses of the CAA records that hold for a domain; raises what `properties` does.

    They are those of the domain itself or of the nearest domain above it that has any (RFC 8659 section 3).
    """
    labels = domain.split(".")
    for place in range(len(labels)):
        if found := properties(".".join(labels[place:]), deadline):
            return tuple(dict.fromkeys(_addresses(found)))
    return ()


def contacts_everywhere(domain: str, deadline: Deadline, views: Views) -> tuple[str, ...]:
    """Return whom CAA names at the VAS or at any agent, those that a quorum sees first (ADR 0044); raises `HostError`.

    At one place somebody may hide a contact, or put himself there: so the others' count too, and of those that no
    quorum sees only `LONE` of each place, which crowd nobody out.
    """

    def by_view(look: Look) -> tuple[str, ...]:
        return contacts_by_caa(domain, deadline, lambda name, left: look(name, RecordType.CAA, left))

    found = views.ask(by_view)
    named = {
        contact: [place for place in found if contact in found[place]] for each in found.values() for contact in each
    }
    agreed = tuple(contact for contact, places in named.items() if views.are_enough(places))
    lone = ([contact for contact in each if contact not in agreed][:LONE] for each in found.values())
    return tuple(dict.fromkeys((*agreed, *chain.from_iterable(lone))))


def _addresses(properties: tuple[tuple[str, bytes], ...]) -> Iterator[str]:
    for tag, octets in properties:
        kind, value = tag.lower(), octets.decode("utf-8", "replace")
        if kind == "contactemail":
            text = value
        elif kind == "iodef" and value.lower().startswith(_MAILTO):
            text = value[len(_MAILTO) :].partition("?")[0]
        else:
            continue
        try:
            yield mail_address(text.strip())
        except InputError:
            continue  # what is no address cannot be told anything

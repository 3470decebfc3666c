"""What a VAS asks an agent about the DNS, and what it is answered, in JSON: the records of one type at one name.

Only what contacts and objections need (docs/spec H3, H9) can be asked: CAA, and TXT.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mecai.errors import InputError, Malformed
from mecai.net import dns_lookup
from mecai.net.dns_lookup import Refuses, refuses_none
from mecai.probing.questions import NONCE
from mecai.protocol.codec.strict_json import Members, dump, load
from mecai.protocol.pki.names import host_name
from mecai.service.deadline import Deadline

PATH: Final = "v1/lookup"
SECONDS: Final = 5.0  # for one question to the DNS
MOST: Final = 64  # records of an answer: a domain that has more is told about these
LONGEST: Final = 512  # octets of a record's value; a longer one is neither a proof nor an address


class RecordType(StrEnum):
    """The types that can be asked for."""

    CAA = "CAA"
    TXT = "TXT"


# Of each record its tag (CAA; empty for TXT), and its value.
Records = tuple[tuple[str, bytes], ...]
# Looks a name up at one place, itself alone; none where there are none. Raises `OSError`, `MecaiError`.
Look = Callable[[str, RecordType, Deadline], Records]
# The same, but for names that stand for others, of which some are refused; raises `AliasRefused` for them.
LookWithin = Callable[[str, RecordType, Deadline, Refuses], Records]


@dataclass(frozen=True)
class Lookup:
    """One question about the DNS; `name` is a host name, but labels may begin with an underscore (RFC 8552)."""

    nonce: bytes
    name: str
    type: RecordType

    def encode(self) -> bytes:
        """Return it as JSON."""
        return dump({"nonce": self.nonce.hex(), "name": self.name, "type": self.type})


def parse_lookup(octets: bytes) -> Lookup:
    """Read a question; raises `Malformed`."""
    members = Members(load(octets, "question"), "question")
    name, kind = members.text("name", 253), members.text("type")
    try:
        _require_name(name)
        return Lookup(members.hex("nonce", NONCE), name.lower(), RecordType(kind))
    except InputError as error:
        raise Malformed(f"question.name: {error}") from error
    except ValueError as error:
        raise Malformed(f"question.type: expected one of {', '.join(RecordType)}") from error


def _require_name(name: str) -> None:
    """Raise `InputError` for what is no name that records may stand at; the last label of one has no underscore."""
    *below, last = name.split(".")
    host_name(".".join([*(label.removeprefix("_") for label in below), last]))


def answer_lookup(nonce: bytes, records: Records) -> bytes:
    """Return what was found as JSON, for the question of this nonce."""
    found = [
        {**({"tag": tag} if tag else {}), "value": base64.b64encode(value).decode()}
        for tag, value in records
        if value and len(value) <= LONGEST
    ]
    return dump({"nonce": nonce.hex(), "records": found[:MOST]})


def parse_records(octets: bytes, lookup: Lookup) -> Records:
    """Read the answer to a question; raises `Malformed`, also where it answers another one."""
    members = Members(load(octets, "answer"), "answer")
    if members.hex("nonce", NONCE) != lookup.nonce:
        raise Malformed("answer.nonce: is not that of the question")
    records = members.objects("records", _record)
    if len(records) > MOST:
        raise Malformed(f"answer.records: expected {MOST} at most")
    return records


def look(name: str, kind: RecordType, deadline: Deadline, refuses: Refuses = refuses_none) -> Records:
    """Look a name up from this host; raises `OSError`, `AliasRefused` where it stands for a name that is refused."""
    if kind is RecordType.CAA:
        return dns_lookup.caa(name, deadline, refuses=refuses)
    return tuple(("", text) for text in dns_lookup.texts(name, deadline, refuses=refuses))


def _record(members: Members) -> tuple[str, bytes]:
    return (members.text("tag") if "tag" in members else ""), members.octets("value")

"""Two readings of one voucher beside each other: strict, as a client reads it, and lenient (`mecai voucher view`)."""

from dataclasses import dataclass

from mecai.cli.lenient.tree import Part, UnreadableError
from mecai.cli.lenient.voucher import Reading, read_leniently
from mecai.cli.show.voucher import document
from mecai.errors import InputError, Malformed
from mecai.protocol.objects.voucher import parse_voucher


@dataclass(frozen=True)
class Readings:
    """What both readers make of the same octets."""

    strict: dict[str, object] | None
    refusal: Malformed | None
    lenient: Reading

    @property
    def parts(self) -> tuple[Part, ...]:
        """Where the readers part: what the lenient one had to overlook, and values that they do not read alike."""
        strict = self.strict or {}
        alike = [
            Part(0, "I6", f"{name}: {strict[name]} to the strict reader, {value} to the lenient one")
            for name, value in self.lenient.fields.items()
            if name in strict and strict[name] != value
        ]
        found = (*self.lenient.parts, *alike)
        if self.refusal and not found:  # something that a lenient reader has no eye for, in a certificate say
            place = self.lenient.places.get(self.refusal.detail.partition(":")[0], 0)
            return (Part(place, self.refusal.rule, f"{self.refusal.detail}; the strict reader alone sees it"),)
        return found

    def document(self, style: str) -> dict[str, object]:
        """Return everything for people (`text`) or machines (`json`), under the names of the specification."""
        fields = self.strict or self.lenient.fields
        said = (
            f"refused: {self.refusal.reason} ({self.refusal.rule}): {self.refusal.detail}" if self.refusal else "read"
        )
        parts = [
            {"offset": part.offset, "rule": part.rule, "what": part.what}
            if style == "json"
            else f"octet {part.offset}: {part.what} ({part.rule})"
            for part in self.parts
        ]
        return {**fields, "strictReading": said, "parts": parts}


def read_twice(octets: bytes, name: str) -> Readings:
    """Read a voucher both ways; raises `InputError` where neither reader finds one in what is called `name`."""
    strict, refusal = None, None
    try:
        strict = document(parse_voucher(octets))
    except Malformed as error:
        refusal = error
    try:
        lenient = read_leniently(octets)
    except UnreadableError as error:
        if refusal is None:
            raise InputError(f"{name}: one reader takes it and the other does not ({error})") from error
        raise InputError(f"{name}: {refusal.detail}; read leniently, {error}") from refusal
    return Readings(strict, refusal, lenient)

"""Name constraints (RFC 5280 section 4.2.1.10) of a CA over the names of the certificates below it."""

from collections.abc import Sequence

from tests.conformance.plain import certificates, der
from tests.conformance.plain.certificates import Certificate
from tests.conformance.plain.refusal import Refused

_PERMITTED, _EXCLUDED = 0xA0, 0xA1
_PROCESSED = {certificates.DNS_NAME, certificates.IP_ADDRESS}
Subtrees = list[tuple[int, bytes]]


def allows(issuer: Certificate, path: Sequence[Certificate]) -> bool:
    """Tell whether a CA's constraints allow the names of a path below it; self-issued CAs are passed over."""
    value = issuer.value(certificates.NAME_CONSTRAINTS)
    if value is None:
        return True
    try:
        permitted, excluded = _read(value)
        below = (path[0], *(each for each in path[1:] if not each.self_issued))
        return all(_allowed(item, permitted, excluded) for each in below for item in _names(each))
    except Refused:
        return False


def _read(value: der.Value) -> tuple[Subtrees, Subtrees]:
    fields = der.Fields(value)
    permitted, excluded = fields.maybe(_PERMITTED), fields.maybe(_EXCLUDED)
    fields.end()
    return _subtrees(permitted), _subtrees(excluded)


def _subtrees(value: der.Value | None) -> Subtrees:
    found = []
    for item in value.items if value else ():
        fields = der.Fields(item)
        base = fields.take()
        fields.end()  # minimum is 0, and maximum absent
        found.append((base.tag, base.content))
    return found


def _names(found: Certificate) -> list[tuple[int, bytes]]:
    value = found.value(certificates.ALTERNATIVE_NAME)
    return [] if value is None else [(item.tag, item.content) for item in value.items]


def _allowed(name: tuple[int, bytes], permitted: Subtrees, excluded: Subtrees) -> bool:
    kind, text = name
    of_kind = [base for tag, base in permitted if tag == kind]
    if of_kind and not any(_within(kind, text, base) for base in of_kind):
        return False
    return not any(_within(kind, text, base) for tag, base in excluded if tag == kind)


def _within(kind: int, text: bytes, base: bytes) -> bool:
    """Tell whether a name lies within a subtree; what cannot be told makes the path invalid."""
    if kind not in _PROCESSED:
        raise Refused("untrusted", "a constraint on names of a kind that is not processed")
    if kind == certificates.IP_ADDRESS:
        size = len(text)
        if len(base) != 2 * size:
            return False
        network, mask = base[:size], base[size:]
        return all(octet & bit == part & bit for octet, part, bit in zip(text, network, mask, strict=True))
    if not base or base.startswith(b"."):
        raise Refused("untrusted", "a DNS constraint that is no domain")
    name, parent = text.lower(), base.lower()
    return name == parent or name.endswith(b"." + parent)

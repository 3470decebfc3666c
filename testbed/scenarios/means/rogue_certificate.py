"""A certificate authority certifies the attacker's key for another's name: it was taken over, or deceived."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import HostError
from testbed.scenarios import authorities, loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

MAKE_KEY = """umask 077
mkdir -p "$1"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1/key.pem"
exec openssl req -new -key "$1/key.pem" -subj "/CN=$2"
"""
# The certificate's own responder, asked as any server would (openssl-ocsp(1)).
_STAPLE = """cd "$1" || exit
exec openssl ocsp -issuer issuer.pem -cert chain.pem -url "$(openssl x509 -in chain.pem -noout -ocsp_uri)" \
    -noverify -timeout 5 -respout staple.der
"""


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, folder = arena.host("attacker").name, loot.path(arguments["tag"])
    request = must(arena.run, attacker, ["sh", "-c", MAKE_KEY, "sh", folder, arguments["name"]])
    chain = authorities.issue(arena, arguments["by"], request, arguments["name"], days=arguments["days"]).encode()
    loot.put(arena, attacker, arguments["tag"], "chain.pem", chain)
    issuer = loot.chain(chain, arguments["by"])[1]
    loot.put(arena, attacker, arguments["tag"], "issuer.pem", issuer.public_bytes(Encoding.PEM))
    must(arena.run, attacker, ["sh", "-c", _STAPLE, "sh", folder])


def _stop(arena: Arena, arguments: Arguments) -> None:
    attacker, file = arena.host("attacker").name, loot.path(arguments["tag"], "chain.pem")
    if certificate := left(arena, attacker, file):
        authorities.revoke(arena, arguments["by"], certificate)
    loot.drop(arena, attacker, arguments["tag"])


def left(arena: Arena, attacker: str, file: str) -> x509.Certificate | None:
    """Return the end entity of a haul, that is to be revoked; None if what is left does not tell."""
    if not loot.has(arena, attacker, file):
        return None
    try:
        return loot.chain(loot.get(arena, attacker, file), file)[0]
    except HostError:
        return None


MEAN = Mean(
    name="rogue-certificate",
    says="an authority certifies the attacker's key for a name that is not his",
    parameters={
        "by": Parameter("host", "rogue"),
        "name": Parameter("name", "site"),
        "tag": Parameter("word", "rogue"),
        "days": Parameter("number", 1),
    },
    start=_start,
    stop=_stop,
)

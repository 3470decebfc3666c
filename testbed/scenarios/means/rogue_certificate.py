"""A certificate authority certifies the attacker's key for another's name: it was taken over, or deceived.

With `signer`, a haul of `intermediate`, the attacker certifies it at home; such a certificate names no responder, and
has no staple. Otherwise whoever controls the authority's host asks for the staple there.
"""

import base64

from testbed.machine.limits import LIMITS
from testbed.scenarios import authorities, keys, loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

# The certificate's own responder, asked as any server would (openssl-ocsp(1)); it answers also where no attacker gets.
_STAPLE = """\
own=$(sed -u /^-----END/q)
issuer=$(cat)
exec openssl ocsp -issuer <(echo "$issuer") -cert <(echo "$own") -url "$(echo "$own" | openssl x509 -noout -ocsp_uri)" \
    -noverify -timeout "$1" -out /dev/null -respout >(base64 -w0)
"""
# openssl-x509(1); extensions as RFC 5280 and the Baseline Requirements have them for servers.
_SIGN = """\
exec openssl x509 -req -CA "$1/chain.pem" -CAkey "$1/key.pem" -days "$2" -extfile <(cat <<END
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$3
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
)
"""


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, tag, name = arena.host("attacker").name, arguments["tag"], arguments["name"]
    request = keys.make(arena, tag, name)
    if signer := arguments["signer"]:
        signed = ["bash", "-c", _SIGN, "bash", loot.path(signer), str(arguments["days"]), name]
        above = loot.get(arena, attacker, loot.path(signer, "chain.pem")).decode()
        loot.put(arena, attacker, tag, "chain.pem", (must(arena.run, attacker, signed, request) + above).encode())
        return
    chain = authorities.issue(arena, arguments["by"], request, (name,), days=arguments["days"])
    loot.put(arena, attacker, tag, "chain.pem", chain.encode())
    staple = must(arena.run, arguments["by"], ["bash", "-c", _STAPLE, "staple", str(LIMITS.responder_seconds)], chain)
    loot.put(arena, attacker, tag, "staple.der", base64.b64decode(staple))


def _stop(arena: Arena, arguments: Arguments) -> None:
    keys.give_up(arena, arguments["tag"], "" if arguments["signer"] else arguments["by"])


MEAN = Mean(
    name="rogue-certificate",
    says="an authority certifies the attacker's key for a name that is not his",
    parameters={
        "by": Parameter("host", "rogue"),
        "name": Parameter("name", "site"),
        "tag": Parameter("word", "rogue"),
        "days": Parameter("number", 1),
        "signer": Parameter("word", ""),
    },
    start=_start,
    stop=_stop,
)

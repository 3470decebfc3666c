"""An authority revokes a certificate that the attacker has: its responder says so from now on.

What the attacker kept from before (staple, vouchers) he still has.
"""

from mecai.errors import HostError
from testbed.scenarios import authorities, keys
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    if (certificate := keys.left(arena, arguments["tag"])) is None:
        raise HostError(f"haul {arguments['tag']}: there is no certificate to revoke: a step before must bring it")
    authorities.revoke(arena, arguments["by"], certificate)


MEAN = Mean(
    name="revoke",
    says="an authority revokes a certificate of the attacker's",
    parameters={"by": Parameter("host"), "tag": Parameter("word", "rogue")},
    start=_start,
)

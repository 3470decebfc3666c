"""A server's key is stolen, with its chain, and with the vouchers and the staple that the world may see anyway."""

from cryptography.hazmat.primitives import hashes

from testbed.scenarios import loot, staples
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    server, attacker, tag = arena.host(arguments["from"]), arena.host("attacker").name, arguments["tag"]
    chain_file, key_file = f"/etc/ssl/certs/{server.names[0]}.pem", f"/etc/ssl/private/{server.names[0]}.pem"
    pem = loot.get(arena, server.name, chain_file)
    loot.put(arena, attacker, tag, "chain.pem", pem)
    loot.put(arena, attacker, tag, "key.pem", loot.get(arena, server.name, key_file))
    folder = f"{staples.FOLDER}/{loot.chain(pem, chain_file)[0].fingerprint(hashes.SHA256()).hex()}"
    for name in must(arena.run, server.name, ["ls", folder]).split():
        kept = "staple.der" if name == "ocsp.der" else f"vouchers/{name.removesuffix('.voucher')}.der"
        loot.put(arena, attacker, tag, kept, loot.get(arena, server.name, f"{folder}/{name}"))


def _stop(arena: Arena, arguments: Arguments) -> None:
    loot.drop(arena, arena.host("attacker").name, arguments["tag"])


MEAN = Mean(
    name="stolen-server",
    says="the attacker has a server's key and chain, its staple and its vouchers",
    parameters={"from": Parameter("host", "server"), "tag": Parameter("word", "stolen")},
    start=_start,
    stop=_stop,
)

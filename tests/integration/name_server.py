"""A name server on loopback, and a program that asks it and no other: in a mount namespace of its own."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], str]  # name and type, to what a zone file says


@contextmanager
def name_server(address: str, zone: Zone) -> Iterator[None]:
    """Answer at port 53 what `zone` has at the moment; of what is not in it, that there is no such name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as served:
        served.bind((address, 53))
        thread = threading.Thread(target=_serve, args=(served, zone))
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"", served.getsockname())
            thread.join()


def asking(address: str, folder: Path) -> list[str]:
    """Return what a command line begins with whose program asks the name server at this address."""
    configuration = folder / "resolv.conf"
    configuration.write_text(f"nameserver {address}\n")
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ["unshare", "--mount", "--", "sh", "-c", script, str(configuration)]


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _serve(served: socket.socket, zone: Zone) -> None:
    """Answer until an empty datagram comes."""
    while data := (received := served.recvfrom(65536))[0]:
        query = dns.message.from_wire(data)
        answer, (asked,) = dns.message.make_response(query), query.question
        kind, name = dns.rdatatype.to_text(asked.rdtype), _text(asked.name)
        while (alias := zone.get((name, "CNAME"))) is not None:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{alias}."))
            name = alias
        if (said := zone.get((name, kind))) is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, said))
        served.sendto(answer.to_wire(), received[1])

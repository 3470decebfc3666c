"""The certificates that an nginx shows, and where: entries for `sidecar.toml`, out of what `nginx -T` prints.

The sidecar itself reads no configuration of nginx, for that takes root. What can be no entry is told as a remark. Words
of nginx are octets: each may have a line's end in it, or be no text at all.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Final

from mecai.errors import InputError
from mecai.protocol.objects.voucher_info import PORTS
from mecai.protocol.pki.names import host_name_of
from mecai.service.printable import one_line
from mecai.service.settings import toml_text
from mecai.sidecar.nginx import Configuration, Directive

HTTPS: Final = 443
_HTTP: Final = 80  # where `listen` names no port
_NO_FILE: Final = ("data:", "engine:", "store:")
_STARTTLS: Final = "{}: is shown after STARTTLS, which no Voucher Authority begins; let a port with TLS show it, too"


@dataclass
class Shown:
    """One certificate: where clients see it, and under which name."""

    chain: PurePosixPath
    port: int
    name: str | None
    addresses: list[str] = field(default_factory=list)


@dataclass
class Discovery:
    """What was found, by the path of the chain, and what was left out, each with its reason."""

    shown: dict[PurePosixPath, Shown] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the entries in TOML, remarks as comments."""
        lines = [f"# {one_line(remark)}" for remark in dict.fromkeys(self.remarks)]
        for each in self.shown.values():
            lines += ["", "[[certificate]]", f"chain = {_string(str(each.chain))}"]
            lines += [f"addresses = [{', '.join(map(_string, each.addresses))}]", f"port = {each.port}"]
            lines += [f"server_name = {_string(each.name)}"] if each.name else []
        return "\n".join(lines).lstrip("\n") + "\n"


def discover(configuration: Configuration, addresses: Sequence[str]) -> Discovery:
    """Find every certificate of every TLS server; `addresses` are those of a server that listens at all of them.

    Raises `InputError` where they are needed and none are given.
    """
    found = Discovery()
    for kind in ("http", "stream", "mail"):
        for level in configuration.root.all(kind):
            inherited = _certificates(level)
            for server in level.all("server"):
                words, listens = _certificates(server) or inherited, _tls(server)
                if not listens and _starts_tls(level, server):
                    found.remarks += map(_STARTTLS.format, words)
                for listen in listens:
                    for word in words:
                        _add(found, configuration, word, listen, server, addresses)
    return found


@dataclass(frozen=True)
class _Listen:
    address: str | None  # None: every one
    port: int


def _add(  # noqa: PLR0917 - one place where one certificate is shown
    found: Discovery,
    configuration: Configuration,
    word: str,
    listen: _Listen,
    server: Directive,
    addresses: Sequence[str],
) -> None:
    if "$" in word or word.startswith(_NO_FILE):
        found.remarks.append(f"left out: {word}: is no file that stays the same; write an entry for each chain")
        return
    if not _is_text(word):
        found.remarks.append(f"left out: {word}: its name is no UTF-8, so no settings can have it; rename the file")
        return
    if listen.port not in PORTS:
        found.remarks.append(f"left out: {word} at port {listen.port}: no Voucher Authority probes it (docs/spec O10)")
        return
    if listen.address is None and not addresses:
        raise InputError(f"{one_line(word)}: its server listens at every address; say which clients see: --address")
    chain = configuration.path(word)
    shown = found.shown.setdefault(chain, Shown(chain, listen.port, _name(server)))
    if shown.port != listen.port:
        found.remarks.append(f"{chain}: is shown at port {listen.port} too; asked for at {shown.port}")
    else:
        new = [listen.address] if listen.address else addresses
        shown.addresses += [each for each in new if each not in shown.addresses]


def _certificates(level: Directive) -> list[str]:
    return [each.words[0] for each in level.all("ssl_certificate") if each.words]


def _tls(server: Directive) -> Sequence[_Listen]:
    """Return where a server speaks TLS, 443 first."""
    old = any(each.words == ("on",) for each in server.all("ssl"))
    listens = [
        _listen(each.words[0])
        for each in server.all("listen")
        if each.words and not each.words[0].startswith("unix:") and (old or _says_tls(each.words[1:]))
    ]
    return sorted(listens, key=lambda each: each.port != HTTPS)


def _starts_tls(*levels: Directive) -> bool:
    """Tell whether a mail server begins in the clear."""
    said = [each.words[:1] for level in levels for each in level.all("starttls")]
    return bool(said) and said[-1] != ("off",)


def _is_text(word: str) -> bool:
    """Tell whether the octets of a word were UTF-8 (PEP 383)."""
    return not any("\ud800" <= character <= "\udfff" for character in word)


def _string(text: str) -> str:
    return f'"{toml_text(text)}"'


def _says_tls(words: Collection[str]) -> bool:
    return "ssl" in words or "quic" in words


def _listen(word: str) -> _Listen:
    address, _, port = word.rpartition(":") if ":" in word and not word.endswith("]") else ("", "", word)
    if not port.isdecimal():
        address, port = word, str(_HTTP)
    try:
        named = ip_address(address.strip("[]"))
    except ValueError:
        return _Listen(None, int(port))
    return _Listen(None if named.is_unspecified else str(named), int(port))


def _name(server: Directive) -> str | None:
    """Return the first name that is one: no pattern, no variable, nothing."""
    for directive in server.all("server_name"):
        for word in directive.words:
            try:
                return host_name_of(word)
            except InputError:
                continue
    return None

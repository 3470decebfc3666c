"""What clients ask a name for: a page by HTTPS, or mail. How curl and mecai's own client are told to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from testbed.roles.mail_server import SECONDARY_PORT


@dataclass(frozen=True)
class Service:
    """One service: what curl is told, and what `mecai client` is; `{name}` stands for the name."""

    curl: tuple[str, ...]
    mecai: tuple[str, ...]

    def curls(self, name: str) -> list[str]:
        """Return the end of curl's command line."""
        return [word.format(name=name) for word in self.curl]

    def mecais(self, name: str, *options: str) -> list[str]:
        """Return the command of mecai's client, with these options."""
        verb, *rest = self.mecai
        return ["mecai", "client", verb, *options, *(word.format(name=name) for word in rest)]


HTTPS: Final = "https"
# curl goes on in the clear where nobody offers STARTTLS (`--ssl`), as mail servers do among themselves; what it hears
# (`--verbose`) says whose server that is.
SERVICES: Final[Mapping[str, Service]] = {
    HTTPS: Service(("https://{name}/",), ("get", "https://{name}/")),
    "imap": Service(
        ("--verbose", "--ssl", "--request", "CAPABILITY", "imap://{name}/"), ("check", "--starttls", "imap", "{name}")
    ),
    "imaps": Service(
        ("--verbose", "--request", "CAPABILITY", f"imaps://{{name}}:{SECONDARY_PORT}/"),
        ("check", f"{{name}}:{SECONDARY_PORT}"),
    ),
    "smtp": Service(
        ("--verbose", "--ssl", "--request", "NOOP", "smtp://{name}/"), ("check", "--starttls", "smtp", "{name}")
    ),
}

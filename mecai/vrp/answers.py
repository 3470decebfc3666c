"""What a Voucher Authority Server answered, as a value (docs/spec, R7)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from mecai.errors import HostError, Malformed
from mecai.net.exchange import Answer
from mecai.protocol.codec import strict_json
from mecai.service.printable import one_line

VOUCHER_TYPE: Final = "application/mecai-voucher"


@dataclass(frozen=True)
class Held:
    """The certificate was seen for the first time: a voucher can be had from `until` on."""

    until: datetime


class RequestRefused(HostError):
    """A VAS gave no voucher. `final`: another server of the same authority would say the same."""

    def __init__(self, line: str, *, final: bool = False) -> None:
        super().__init__(one_line(line))  # much of it is the server's own text
        self.final = final


def understand(url: str, answer: Answer) -> bytes | Held:
    """Return the voucher that `url` sent, unjudged, or when to come again; raises `RequestRefused`."""
    kind = answer.headers.get_content_type()
    if answer.status == HTTPStatus.OK and kind == VOUCHER_TYPE:
        if not answer.complete:
            raise RequestRefused(f"{url}: sent a voucher of more than {len(answer.body)} octets", final=True)
        return answer.body
    try:
        document: Any = strict_json.load(answer.body, "answer")
        if answer.status == HTTPStatus.ACCEPTED:
            return Held(datetime.fromisoformat(document["holdEnd"]).astimezone(UTC))
        code, detail = str(document["type"]).rpartition("/")[2], str(document["detail"])
    except (Malformed, ValueError, TypeError, KeyError, OverflowError) as error:
        raise RequestRefused(f"{url}: answered {answer.status} {kind}, which says nothing") from error
    raise RequestRefused(f"{url}: {code}: {detail}", final=answer.status < HTTPStatus.INTERNAL_SERVER_ERROR)

"""What a Voucher Authority Server answered, as a value (docs/spec, R7)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from mecai.errors import HostError, Malformed
from mecai.net.exchange import Answer
from mecai.protocol.codec import strict_json
from mecai.service.printable import one_line

VOUCHER_TYPE: Final = "application/mecai-voucher"
LONGEST_RETRY: Final = timedelta(days=1)
_DIGITS: Final = 6  # of the seconds of a Retry-After; more are more than a day
_NONSENSE: Final = (Malformed, ValueError, TypeError, KeyError, OverflowError)  # of documents that say nothing


@dataclass(frozen=True)
class Held:
    """The certificate was seen for the first time: a voucher can be had from `until` on.

    `retry` is the pause that the server asks for, if it does: it may know better, and needs no clock in common.
    """

    until: datetime
    retry: timedelta | None = None


class RequestRefused(HostError):
    """A VAS did not do what it was asked. `final`: another server of the same authority would say the same.

    `status` is that of its answer, where there was one, and `code` that of the problem document. `retry` is the pause
    that it asks for, if it does.
    """

    def __init__(
        self,
        line: str,
        *,
        final: bool = False,
        status: int | None = None,
        code: str = "",
        retry: timedelta | None = None,
    ) -> None:
        super().__init__(one_line(line))  # much of it is the server's own text
        self.final, self.status, self.code, self.retry = final, status, code, retry

    @property
    def forbidden(self) -> bool:
        """Tell whether it answered 403."""
        return self.status == HTTPStatus.FORBIDDEN


def understand(url: str, answer: Answer) -> bytes | Held:
    """Return the voucher that `url` sent, unjudged, or when to come again; raises `RequestRefused`."""
    kind = answer.headers.get_content_type()
    if answer.status == HTTPStatus.OK and kind == VOUCHER_TYPE:
        if not answer.complete:
            raise _refused(f"{url}: sent a voucher of more than {len(answer.body)} octets", answer, final=True)
        return answer.body
    if answer.status != HTTPStatus.ACCEPTED:
        raise refusal(url, answer)
    try:
        document: Any = strict_json.load(answer.body, "answer")
        return Held(datetime.fromisoformat(document["holdEnd"]).astimezone(UTC), _retry(answer))
    except _NONSENSE as error:
        raise _says_nothing(url, answer) from error


def refusal(url: str, answer: Answer) -> RequestRefused:
    """Return what the problem document says that `url` sent (RFC 9457)."""
    try:
        document: Any = strict_json.load(answer.body, "answer")
        code, detail = str(document["type"]).rpartition("/")[2], str(document["detail"])
    except _NONSENSE:
        return _says_nothing(url, answer)
    final = answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return _refused(f"{url}: {code}: {detail}", answer, final=final, code=code)


def _says_nothing(url: str, answer: Answer) -> RequestRefused:
    kind = answer.headers.get_content_type()
    return _refused(f"{url}: answered {answer.status} {kind}, which says nothing", answer, final=False)


def _refused(line: str, answer: Answer, *, final: bool, code: str = "") -> RequestRefused:
    return RequestRefused(line, final=final, status=answer.status, code=code, retry=_retry(answer))


def _retry(answer: Answer) -> timedelta | None:
    """Return what `Retry-After` says in seconds, at most a day (RFC 9110 section 10.2.3); a date is not read."""
    text = str(answer.headers.get("Retry-After", "")).strip()
    if not (text.isascii() and text.isdecimal()):
        return None
    return LONGEST_RETRY if len(text) > _DIGITS else min(timedelta(seconds=int(text)), LONGEST_RETRY)

"""Whom a VAS trusts: `mecai vas context list`, `mecai vas distrust list`."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from mecai.cli.show.tables import Row, show_table
from mecai.protocol.codec.strict_json import TIME
from mecai.protocol.objects.incident import Kind
from mecai.vas.storage.distrust import RefusedKey
from mecai.vas.trust.standing import Standing


def context_document(found: Standing) -> dict[str, object]:
    """One context of `mecai vas context list --format json`; times in RFC 3339."""
    source, directory, fetched = found.source, found.directory, found.fetched
    return {
        "context": source.context,
        "url": source.url,
        "path": str(source.path) if source.path else None,
        "sequence": directory.sequence if directory else None,
        "issued": _time(directory.issued if directory else None),
        "expires": _time(directory.expires if directory else None),
        "fault": found.fault,
        "fetched": _time(fetched.fetched),
        "failed": _time(fetched.failed),
        "failure": fetched.failure,
    }


def print_contexts(contexts: Iterable[Standing], now: datetime) -> None:
    """Print the contexts, one a row; below it where its directory comes from, and what is wrong."""
    headings = ("context", "sequence", "issued (UTC)", "expires (UTC)", "fetched (UTC)")
    show_table(headings, [Row(_cells(each), tuple(_below(each, now))) for each in contexts])


def _cells(found: Standing) -> Sequence[str]:
    directory = found.directory
    dates = (directory.issued, directory.expires) if directory else (None, None)
    sequence = str(directory.sequence) if directory else "none"
    return found.source.context, sequence, *map(_minute, (*dates, found.fetched.fetched))


def _below(found: Standing, now: datetime) -> Iterator[str]:
    yield str(found.source.path or found.source.url)
    if found.directory and found.directory.expires <= now:
        yield "expired"
    if found.fault:
        yield found.fault
    if found.fetched.failed:
        yield f"{_minute(found.fetched.failed)}: {found.fetched.failure}"


def refused_documents(
    refused: Iterable[RefusedKey], configured: Iterable[bytes], path: Path
) -> list[dict[str, object]]:
    """All of `mecai vas distrust list --format json`: what was added, then what the configuration at `path` says."""
    added: list[dict[str, object]] = [
        {
            **_named(each.spki, each.kind),
            "subject": each.subject,
            "added": _time(each.added),
            "by": each.added_by,
            "reason": each.reason,
        }
        for each in refused
    ]
    fixed = {"subject": None, "added": None, "by": str(path), "reason": None}
    return added + [{**_named(spki), **fixed} for spki in sorted(configured)]


def _named(name: bytes, kind: str | None = None) -> dict[str, object]:
    """Name a key or a certificate by its SHA-256."""
    certificate = kind == Kind.CERTIFICATE
    return {"spki": None if certificate else name.hex(), "certificate": name.hex() if certificate else None}


def print_refused(refused: Iterable[RefusedKey], configured: Iterable[bytes], path: Path) -> None:
    """Print the refused keys, one a row; the whole hash is what `remove` takes."""
    rows = [
        Row(
            (_minute(each.added), each.added_by),
            (each.spki.hex(), *filter(None, (each.kind, each.subject, each.reason))),
        )
        for each in refused
    ]
    rows += [Row(("", str(path)), (spki.hex(),)) for spki in sorted(configured)]
    show_table(("since (UTC)", "by"), rows)


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def _time(moment: datetime | None) -> str | None:
    return moment.strftime(TIME) if moment else None

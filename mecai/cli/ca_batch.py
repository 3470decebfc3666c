"""`mecai ca batch`: many requests to one authority in one start, as JSON from and to programs.

A start takes far longer than what it is for. The caller names the requests; each has an answer under its name, whatever
becomes of the others:

    {"NAME": {"answer": "..."}, "NAME": {"error": "one line", "exit_code": 2}}

`exit_code` is what the verb of the single request would end with; the highest of them is that of the batch. Each error
stands on standard error, too, behind its request's name.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from mecai.ca.authority.operations import CertificateAuthority, opened
from mecai.cli.arguments import Content, input_from
from mecai.cli.ca_requests import CertificateRequest, accept, chain_pem, judge, read_config, require_ascii, with_config
from mecai.errors import InputError, MecaiError
from mecai.protocol.codec import strict_json
from mecai.service.printable import printable
from mecai.service.settings import shaped

_with_requests: Final = click.argument("requests", type=Content(), default="-")


@dataclass(frozen=True)
class StatusRequest:
    """A certificate (PEM) of which the authority is to say whether it is good."""

    certificate: str

    def __post_init__(self) -> None:
        require_ascii("certificate", self.certificate)


@click.group()
def batch() -> None:
    """Answer many requests in one start, as JSON from and to programs.

    Each request has an answer or an error, under the name that it has in REQUESTS. The exit code is the highest that a
    single request would have ended with.
    """


@batch.command()
@with_config
@_with_requests
def issue(config_path: Path, requests: bytes) -> None:
    """Certify the keys of signing requests, each as `mecai ca issue` does.

    REQUESTS (- for standard input) are {"NAME": {"profile": "server", "csr": PEM}, ...}, each with `dns` and `email`
    (lists) and `days` as need be. An answer is PEM: the certificate, then its intermediates.
    """

    def chain(authority: CertificateAuthority, found: object) -> str:
        return chain_pem(accept(shaped(found, CertificateRequest, "request"))(authority)).decode()

    _answer_each(config_path, requests, chain)


@batch.command()
@with_config
@_with_requests
def check(config_path: Path, requests: bytes) -> None:
    """Say of certificates whether they may be kept, of each as `mecai ca check` does.

    REQUESTS (- for standard input) are {"NAME": {"certificate": PEM}, ...}.
    """

    def verdict(authority: CertificateAuthority, found: object) -> str:
        asked = shaped(found, StatusRequest, "request")
        return judge(authority, asked.certificate.encode(), "certificate")

    _answer_each(config_path, requests, verdict)


def _answer_each(path: Path, requests: bytes, answer: Callable[[CertificateAuthority, object], str]) -> None:
    with input_from("REQUESTS"):
        asked = strict_json.load(requests, "the file")
    if not isinstance(asked, dict):
        raise InputError("REQUESTS: expected a JSON object with a member for each request")
    answers: dict[str, dict[str, Any]] = {}
    with opened(read_config(path)) as authority:
        try:
            for name, found in asked.items():
                answers[name] = _answered(name, partial(answer, authority, found))
        finally:  # also where a fault ends the run: what was issued is in the register, and nobody else has it
            click.echo(json.dumps(answers, indent=2))
    click.get_current_context().exit(max((each.get("exit_code", 0) for each in answers.values()), default=0))


def _answered(name: str, answer: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"answer": answer()}
    except MecaiError as error:
        click.echo(printable(f"{name}: {error}"), err=True)
        return {"error": str(error), "exit_code": error.exit_code}

"""The agent over HTTP: a Flask application for gunicorn, which itself demands the VAS's certificate.

    mecai perspective serve      # configuration: --config, or /etc/mecai/perspective.toml

Whoever the VA's private CA certified as a client may have this host probe what its own list does not refuse.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Final

from flask import Flask, Response, request
from werkzeug.exceptions import UnsupportedMediaType

from mecai.errors import Malformed
from mecai.net.addresses import AddressPolicy, AddressRefused
from mecai.net.dns_lookup import AliasRefused
from mecai.net.revocations import Revocations
from mecai.perspective.config import PerspectiveConfig
from mecai.perspective.serve import VARIABLE
from mecai.probing.corroborate import (
    Corroboration,
    Probe,
    ProbeOutcome,
    ProbeResult,
    ProbeTarget,
    corroborate,
)
from mecai.probing.handshake import probe
from mecai.probing.lookups import PATH as LOOKUP_PATH
from mecai.probing.lookups import SECONDS as LOOKUP_SECONDS
from mecai.probing.lookups import LookWithin, answer_lookup, look, parse_lookup
from mecai.probing.questions import LARGEST_QUESTION, MEDIA_TYPE, PATH, answer, parse_question
from mecai.protocol.pki.identity import address_text
from mecai.service.deadline import Deadline
from mecai.service.printable import words
from mecai.service.readiness import Checks, Readiness
from mecai.service.settings import read_settings
from mecai.service.web import ProblemDocument, frame, start

LOG = logging.getLogger(__name__)
_OPENAPI: Final = (files(__package__) / "openapi.json").read_bytes()
SECONDS: Final = 10.0  # for a whole question: the probe of each address has its own bound


def create_app() -> Flask:
    """Make the application as the environment configures it; a bad configuration ends the process in one line."""
    default = Path("/etc/mecai/perspective.toml")
    return start(
        "the agent",
        VARIABLE,
        default,
        lambda path: make_app(read_settings(path, PerspectiveConfig)),
    )


def make_app(config: PerspectiveConfig, probe: Probe = probe, look: LookWithin = look) -> Flask:
    """Make the application; `probe` and `look` are its ways to other hosts, and to the DNS."""
    app = frame(__name__, Readiness({}, concerns=_concerns(config)), largest_body=LARGEST_QUESTION)
    policy = AddressPolicy(config.allowed_networks, config.refused_networks)

    @app.get("/v1/openapi.json")
    def openapi() -> Response:
        return Response(_OPENAPI, mimetype=MEDIA_TYPE)

    @app.post(f"/{PATH}")
    def answer_probe() -> Response:
        question = parse_question(_body())
        if question.target.port not in config.ports:
            raise _Refused(f"port: {question.target.port} is not probed by this agent")
        found = _probe(question.target, policy, probe)
        LOG.info("probed", extra={"port": question.target.port, "results": _told(found)})
        return Response(answer(question.nonce, found), content_type=MEDIA_TYPE)

    @app.post(f"/{LOOKUP_PATH}")
    def answer_look() -> Response:
        lookup = parse_lookup(_body())
        if config.refuses(lookup.name):
            raise _Refused(f"name: {lookup.name} is not looked up by this agent")
        try:
            records = look(lookup.name, lookup.type, Deadline(LOOKUP_SECONDS), config.refuses)
        except AliasRefused as error:
            raise _Refused(f"name: {lookup.name} stands for one that is not looked up by this agent") from error
        LOG.info("looked up", extra={"dnsName": lookup.name, "type": lookup.type, "records": len(records)})
        return Response(answer_lookup(lookup.nonce, records), content_type=MEDIA_TYPE)

    _say_what_is_wrong(app)
    return app


def _concerns(config: PerspectiveConfig) -> Checks:
    """Return what a person has to look at: whoever asks was let in by lists that are in their time still."""
    path = config.crl
    return {} if path is None else {"crl": lambda: Revocations.read(path).require_lasting(datetime.now(UTC))}


class _Refused(Exception):
    """Why this agent does not do what it is asked."""


def _body() -> bytes:
    if request.mimetype != MEDIA_TYPE:
        raise UnsupportedMediaType
    return request.get_data()


def _say_what_is_wrong(app: Flask) -> None:
    @app.errorhandler(Malformed)
    def malformed(error: Malformed) -> Response:
        return ProblemDocument(HTTPStatus.BAD_REQUEST, "The question is malformed", detail=error.detail).response()

    @app.errorhandler(_Refused)
    def refused(error: _Refused) -> Response:
        return ProblemDocument(HTTPStatus.FORBIDDEN, "This agent does not look there", detail=str(error)).response()

    @app.errorhandler(OSError)
    def silent(error: OSError) -> Response:
        return ProblemDocument(HTTPStatus.BAD_GATEWAY, "The DNS does not say", detail=words(error)).response()


def _probe(target: ProbeTarget, policy: AddressPolicy, probe: Probe) -> Corroboration:
    """Probe the addresses that this agent does not refuse; what it refuses it has not reached."""
    results: dict[bytes, ProbeResult] = {}
    for address in target.addresses:
        try:
            policy.check(address)
        except AddressRefused as error:
            results[address] = ProbeResult(address, ProbeOutcome.UNREACHABLE, details=(error.detail,))
    if allowed := tuple(address for address in target.addresses if address not in results):
        found = corroborate(replace(target, addresses=allowed), probe, Deadline(SECONDS))
        results |= {each.address: each for each in found.results}
    return Corroboration(tuple(results[address] for address in target.addresses))


def _told(found: Corroboration) -> dict[str, str]:
    return {address_text(each.address): each.outcome for each in found.results}

"""What others state about a certificate: an objection of its domain's owner (H9), a word of another VA (H8)."""

from typing import Final

from flask import Flask, Response, jsonify, request

from mecai.errors import Malformed
from mecai.protocol.codec.strict_json import TIME, Members, load
from mecai.protocol.pki.identity import HASH_SIZE
from mecai.vas.assembly import Assembly
from mecai.vas.refusal import Code, Refusal
from mecai.vas.storage.complaints import Complaint, Objection

COMPLAINT_TYPE: Final = "application/json"
EXPEDITE_TYPE: Final = "application/mecai-expedite-statement"


def route_statements(app: Flask, server: Assembly) -> None:
    """Add the routes for statements; that for expedite statements only where the operator listens to them."""

    @app.post("/v1/complaints")
    def complaints() -> Response:
        _require_type(COMPLAINT_TYPE)
        objection = _objection(request.get_data(), request.remote_addr or "")
        complaint = server.admission.hear(
            "objection",
            objection.requester,
            lambda deadline: server.objections.accept(objection, server.clock(), deadline),
            {"certificate": objection.certificate_hash.hex(), "domain": objection.domain},
        )
        return jsonify(_document(complaint))

    if (expedites := server.expedites) is None:
        return

    @app.post("/v1/expedites")
    def expedite() -> Response:
        _require_type(EXPEDITE_TYPE)
        body, requester = request.get_data(), request.remote_addr or ""
        statement = server.admission.hear(
            "expedite statement", requester, lambda _deadline: expedites.accept(body, server.clock()), {}
        )
        return jsonify(certificate=statement.certificate_hash.hex(), until=statement.expires_at.strftime(TIME))


def _document(complaint: Complaint) -> dict[str, str]:
    return {
        "certificate": complaint.certificate_hash.hex(),
        "domain": complaint.domain,
        "raised": complaint.raised.strftime(TIME),
        "status": complaint.decision or "disputed",
    }


def _objection(body: bytes, requester: str) -> Objection:
    try:
        members = Members(load(body, "complaint"), "complaint")
        return Objection(members.hex("certificate", HASH_SIZE), members.text("domain").lower(), requester)
    except Malformed as error:
        raise Refusal(Code.MALFORMED, error.detail) from error


def _require_type(expected: str) -> None:
    if request.mimetype != expected:
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected {expected}")

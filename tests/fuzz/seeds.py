"""`python -m tests.fuzz.seeds`: make the seed corpus anew, out of `tests.scene`.

Keys and certificates are the same in every run; OCSP responses, and with them vouchers, are not (their library takes
producedAt from the real clock and signs at random), so run it only where the formats have changed.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from mecai.ca.authority.keys import make_request
from mecai.protocol.codec.cms import parse_signed_content
from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.authorities import Directory, Distrust, Mail
from mecai.protocol.objects.directory import sign_directory
from mecai.protocol.objects.expedite import ExpediteStatement
from mecai.protocol.objects.incident import Incident, Kind
from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.succession import Succession
from mecai.protocol.objects.voucher_info import Extension
from mecai.protocol.oids import ID_CT_DIRECTORY, ID_CT_EXPEDITE_STATEMENT, ID_CT_SUCCESSION
from mecai.protocol.pki.identity import address_octets, spki_der, spki_hash
from mecai.protocol.pki.ocsp import build_ocsp_request
from tests.pki import DAY, NOW, ODD_NAMES, issue, key, odd_request, odd_server, rsa_key
from tests.scene import ADDRESS, HOST, PUBLISHER, Scene, authority_entry, directory_of

CORPUS: Final = Path(__file__).parent / "corpus"
SCENE: Final = Scene()
SIXTEEN: Final = tuple(address_octets(f"198.18.0.{last}") for last in range(10, 26))
Seeds = Iterator[tuple[str, bytes]]


def vouchers() -> Seeds:
    """Make vouchers that are accepted for the scene's server."""
    yield "plain", SCENE.voucher(SCENE.birch)
    yield "delegates", Scene(delegate=True).voucher(SCENE.cedar)
    yield "many-addresses", SCENE.voucher(SCENE.birch, addresses=SIXTEEN, trust_contexts=("MOZ", "A-1"))
    later = Extension("1.2.3", critical=False, value=b"later")
    yield "extension", SCENE.voucher(SCENE.dogwood, extensions=(later,), intermediates_matched=False)
    yield "revocation-list", _with_revocation_list()
    span = (NOW - DAY, NOW + 364 * DAY)
    signer = issue("birch VA", rsa_key("VA"), SCENE.birch.root, SCENE.birch.voucher_extensions(), span=span)
    yield "rsa", SCENE.voucher(SCENE.birch, signer=signer)


def _with_revocation_list() -> bytes:
    """Return a voucher whose authority relied on a CRL for the issuing CA."""
    evidence = SCENE.evidence()
    first, second = SCENE.info(SCENE.birch, evidence=evidence).status_evidence
    by_list: StatusEvidence = replace(second, method=EvidenceMethod.CRL, evidence_hash=bytes(32))
    return SCENE.voucher(SCENE.birch, evidence=evidence, enclosed=evidence[:1], status_evidence=(first, by_list))


def requests() -> Seeds:
    """Make what sidecars send."""
    chain = SCENE.site.chain_der
    yield "plain", VoucherRequest(chain[0], chain[1:], (ADDRESS,), 443).encode()
    yield "all-members", VoucherRequest(chain[0], chain[1:], SIXTEEN, 853, HOST, b"succession").encode()
    yield "end-entity-alone", VoucherRequest(chain[0], (), (address_octets("2001:db8::10"),), 1, "a.test").encode()


def extensions() -> Seeds:
    """Make what clients ask for and servers answer."""
    candidates = SCENE.policy.candidates
    yield "choice", RequestExtension(1, candidates).encode()
    yield (
        "choice-full",
        RequestExtension(2, candidates, ("MOZ", "X" * 32), (bytes(32), bytes(range(32)))).encode(),
    )
    yield "choice-of-later-days", b"\x02" + RequestExtension(1, candidates).encode()[1:]
    yield "nothing", encode_vouchers([])
    yield "two-vouchers", encode_vouchers([b"first", b"second voucher"])


def directories() -> Seeds:
    """Make the JSON of directories."""
    alder = authority_entry(SCENE.alder)
    certificate = SCENE.alder.voucher.certificate
    full = replace(alder, mail=Mail("notary@alder.test", certificate), report_key=spki_der(certificate))
    distrust = Distrust(spki_hash(SCENE.dogwood.root.certificate), NOW, "its key was stolen")
    yield "empty", _content(directory_of())
    yield "one", _content(directory_of(alder))
    yield (
        "full",
        _content(
            directory_of(full, authority_entry(SCENE.birch), distrust=(distrust,), publishers=(PUBLISHER.certificate,))
        ),
    )


def _content(content: Directory) -> bytes:
    encoded = sign_directory(content, PUBLISHER.key, PUBLISHER.certificate)
    return parse_signed_content(encoded, ID_CT_DIRECTORY, len(encoded)).content


def responses() -> Seeds:
    """Make OCSP responses for the scene's server."""
    site, alder = SCENE.site, SCENE.alder
    yield "good", alder.ocsp(site)
    yield "delegate", alder.ocsp(site, delegate=True, algorithm=hashes.SHA256())
    yield "revoked", alder.ocsp(site, "revoked")
    yield "unknown", alder.ocsp(site, "unknown")
    yield "stale", alder.ocsp(site, this_update=NOW - timedelta(days=30))
    failure = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    yield "try-later", failure.public_bytes(Encoding.DER)


def certificates() -> Seeds:
    """Make certificates of every kind, and those that hold what a library may not know."""
    alder = SCENE.alder
    yield "server", SCENE.site.der
    yield "addresses", alder.server("198.18.0.10", "2001:db8::10", "*.example.test").der
    yield "rsa", alder.server(HOST, server_key=rsa_key("site")).der
    yield "root", alder.root.der
    yield "issuing", alder.issuing.der
    yield "authority", alder.voucher.der
    yield "delegate", alder.responder(alder.issuing).der
    for form in ODD_NAMES:
        yield form, odd_server(form, alder.issuing).der


def signing_requests() -> Seeds:
    """Make what is handed to a CA."""
    yield "plain", make_request(key("site"), HOST, [HOST]).public_bytes(Encoding.DER)
    yield "many-names", make_request(key("site"), HOST, ["*.example.test", HOST]).public_bytes(Encoding.DER)
    yield "no-names", make_request(key("site"), HOST, []).public_bytes(Encoding.DER)
    yield "rsa", make_request(rsa_key("site"), HOST, [HOST]).public_bytes(Encoding.DER)
    for form in ODD_NAMES:
        yield form, odd_request(form)


def status_requests() -> Seeds:
    """Make what an OCSP responder is asked."""
    site, issuer = SCENE.site.certificate, SCENE.alder.issuing.certificate
    yield "plain", build_ocsp_request(site, issuer)
    yield "sha256", build_ocsp_request(site, issuer, hashes.SHA256())
    builder = ocsp.OCSPRequestBuilder().add_certificate(site, issuer, hashes.SHA256())
    yield "nonce", builder.add_extension(x509.OCSPNonce(bytes(16)), critical=True).build().public_bytes(Encoding.DER)


def reports() -> Seeds:
    """Make what clients report."""
    chain = SCENE.site.chain
    plain = Report(chain, ADDRESS, 443, NOW, Verdict.REFUSED, "no-voucher")
    yield "plain", json.dumps(plain.members()).encode()
    yield "text", json.dumps(plain.members() | {"text": "gr\u00fc\u00dfe <b>"}).encode()
    accepted = replace(
        plain, chain=chain[:1], address=address_octets("2001:db8::1"), verdict=Verdict.ACCEPTED, reason=None
    )
    yield "accepted", json.dumps(accepted.members()).encode()
    yield "passed-on", json.dumps({"version": 1, "authority": "00" * 8, **plain.members()}).encode()


def statements() -> Seeds:
    """Make the contents of statements."""
    incident = Incident(bytes(8), Kind.CA, bytes(32), NOW, "its key was stolen")
    yield "incident-ca", incident.encode()
    yield "incident-certificate", replace(incident, kind=Kind.CERTIFICATE, reason="gr\u00fc\u00dfe").encode()
    site = SCENE.site
    expedite = ExpediteStatement(bytes(32), NOW, NOW + DAY, "asked by phone").sign(site.key, site.certificate)
    yield "expedite", parse_signed_content(expedite, ID_CT_EXPEDITE_STATEMENT).content
    succession = Succession(bytes(32), bytes(range(32)), NOW).sign(site.key, site.certificate)
    yield "succession", parse_signed_content(succession, ID_CT_SUCCESSION).content


SEEDS: Final = {
    "voucher": vouchers,
    "request": requests,
    "extension": extensions,
    "directory": directories,
    "ocsp": responses,
    "certificate": certificates,
    "signing_request": signing_requests,
    "status_request": status_requests,
    "report": reports,
    "statement": statements,
}


def main() -> None:
    """Write every seed to its target's folder."""
    for target, make in SEEDS.items():
        shutil.rmtree(CORPUS / target, ignore_errors=True)
        (CORPUS / target).mkdir(parents=True)
        for name, octets in make():
            (CORPUS / target / name).write_bytes(octets)


if __name__ == "__main__":
    main()

"""Owners of domains hear of certificates by mail that others can verify; their filter shows what they did not order."""

import json
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509

from mecai.protocol.pki.identity import address_text, hash_of
from mecai.vas.storage.outbox import LEASE
from testbed.machine.waiting import until
from tests.lab.asking import VOUCHERS, ask
from tests.lab.conftest import Machine, chosen, others
from tests.lab.mailbox import Delivered, delivered
from tests.lab.newcomer import newcomer

OpenSsl = Callable[..., subprocess.CompletedProcess[bytes]]
# A worker looks every 5 s at least, and a relay that was not there yet is asked again after a minute; what a worker had
# in hand that was ended, as by a converge that renews its settings, is another's when its lease is over.
SECONDS = 120 + LEASE.total_seconds()
# Hands a message to a host over SMTP, and says what was answered to each command; runs on a host.
HAND_OVER = """
import json, smtplib, ssl, sys
host, root, recipient, message, secure = json.loads(sys.argv[1])
with smtplib.SMTP(host, timeout=30) as relay:
    if secure:
        relay.starttls(context=ssl.create_default_context(cadata=root))
    relay.ehlo()
    said = [relay.mail("somebody@elsewhere.test")[0], relay.rcpt(recipient)[0]]
    if said == [250, 250]:
        said.append(relay.data(message)[0])
print(json.dumps(said))
"""
# Forgets how many mails of the day there were about what, or the runs of a day would use up what one domain is sent.
FORGET = """
import contextlib, sqlite3
with contextlib.closing(sqlite3.connect("/var/lib/mecai-vas/vas.sqlite", timeout=30)) as database, database:
    database.execute("DELETE FROM outbox WHERE kind = 'count'")
"""
pytestmark = pytest.mark.lab_only("the mailbox of the sites' owner is the lab's")


@pytest.fixture
def owner() -> Machine:
    """Return the host that keeps the owner's mail."""
    if not (found := chosen("mail_host")):
        pytest.skip("the lab has no registrar, which keeps the mail of owners")
    return found[0]


def test_every_contact_of_the_domain_hears_from_every_other_owners_authority(
    other_authority: Machine, tls_server: Machine, owner: Machine
) -> None:
    """Two contacts are the registry's, one the DNS names; the certificate is one that the owner ordered."""

    def told() -> bool:
        found = [each.mail for each in delivered(owner, _fingerprint(tls_server)) if each.folder == ".known"]
        # A worker that was ended when it had handed a mail over hands it over once more, as the same message.
        mails = {(mail["To"], mail["Message-ID"]) for mail in found if mail["From"] == other_authority.told.sender}
        return sorted(to for to, _ in mails) == sorted(owner.told.mailboxes)

    until(told, SECONDS, lambda: f"{other_authority.told.sender} has not told {', '.join(owner.told.mailboxes)}")


def test_what_the_owner_ordered_is_not_put_before_him(site: Machine, owner: Machine) -> None:
    assert not [each for each in delivered(owner, _fingerprint(site)) if each.folder != ".known"]


def test_openssl_and_a_mail_library_accept_what_wasdelivered(
    other_authority: Machine, tls_server: Machine, owner: Machine, openssl: OpenSsl, tmp_path: Path
) -> None:
    sender = other_authority.told.sender

    def first() -> Delivered | None:
        return next((each for each in delivered(owner, _fingerprint(tls_server)) if each.mail["From"] == sender), None)

    found = until(first, SECONDS, lambda: f"there is no mail from {sender}")
    mail = found.mail
    (tmp_path / "mail").write_bytes(found.octets)
    (tmp_path / "root.pem").write_bytes(other_authority.shell.file("/var/lib/mecai-ca-public/root.pem").content)
    verify = "cms -verify -purpose smimesign -in mail -CAfile root.pem -signer signer.pem -out text"
    answer = openssl(*verify.split())
    assert answer.returncode == 0, answer.stderr
    assert b"does match" in openssl("x509", "-in", "signer.pem", "-noout", "-checkemail", sender).stdout
    assert mail.get_content_type() == "multipart/signed"
    assert not [part.defects for part in mail.walk() if part.defects]
    signed = next(mail.iter_parts())
    assert {field: signed[field] for field in ("From", "To", "Subject", "Date")} == {
        field: mail[field] for field in ("From", "To", "Subject", "Date")
    }
    assert isinstance(signed, EmailMessage)
    assert signed.get_content().startswith(f"{mail['Subject']}\n")


def test_the_owner_hears_where_a_known_certificate_appears_at_a_new_address(owner: Machine) -> None:
    """Each contact that was told of it, a minute later, and his filter shows it (docs/spec H10)."""
    telling = [found for found in chosen("authority") if found.told.new_addresses]
    pairs = ((found, site) for found in telling for site in chosen("tls_server") if found in others(site))
    if not (pair := next(pairs, None)):
        pytest.skip("no authority of this lab tells owners of new addresses")
    authority, site = pair
    authority.run("runuser -u mecai-vas -- python3 -c %s", FORGET)
    with newcomer(site) as (name, request):
        known, *new = request.addresses
        for addresses in ((known,), (known, *new)):
            asked = replace(request, addresses=addresses).encode()
            said = partial(ask, site, authority, VOUCHERS, asked)
            until(lambda: said()[0] == 200, SECONDS, lambda: f"{authority.name} does not vouch")  # noqa: B023

    def told() -> list[Delivered]:
        found = delivered(owner, f"certificate for {name} at new addresses")
        return found if len(found) >= len(owner.told.mailboxes) else []

    found = until(told, SECONDS, lambda: f"not all of {', '.join(owner.told.mailboxes)} heard of it")
    assert {(each.folder, each.mail["From"]) for each in found} == {("", authority.told.sender)}
    assert sorted(each.mail["To"] for each in found) == sorted(owner.told.mailboxes)
    assert all(address_text(each).encode() in found[0].octets for each in new)


def test_a_notice_that_the_owner_does_not_know_is_put_before_him(owner: Machine) -> None:
    unknown = secrets.token_hex(32)
    notice = f"Subject: certificate for www.example.test: {unknown}\r\nFrom: somebody@elsewhere.test\r\n\r\n.\r\n"
    assert _hand_over(owner, owner.told.mailboxes[0], notice) == [250, 250, 250]
    [found] = until(lambda: delivered(owner, unknown), SECONDS, lambda: "it was lost")
    assert found.folder == ""


def test_the_mail_host_takes_mail_for_its_owner_alone_and_by_tls(owner: Machine) -> None:
    mailbox = owner.told.mailboxes[0]
    elsewhere = (f"nobody@{mailbox.partition('@')[2]}", "owner@elsewhere.test", f"root@{owner.told.mail}")
    assert [_hand_over(owner, to)[1] // 100 for to in elsewhere] == [5, 5, 5]
    assert _hand_over(owner, mailbox, secure=False)[0] == 530


def _hand_over(owner: Machine, to: str, message: str = "", *, secure: bool = True) -> list[int]:
    """Send as the authority does that certified the mail host; return the codes of what was answered."""
    issuer = next(authority for authority in chosen("authority") if authority.name == _issuer(owner))
    root = issuer.shell.file("/var/lib/mecai-ca-public/root.pem").content_string
    answer = issuer.run("python3 -c %s %s", HAND_OVER, json.dumps([owner.told.mail, root, to, message, secure]))
    codes: list[int] = json.loads(answer)
    return codes


def _issuer(owner: Machine) -> str:
    issuer = owner.run(f"openssl x509 -in /etc/ssl/certs/{owner.told.mail}.pem -noout -issuer -nameopt RFC2253")
    return issuer.partition("CN=")[2].split()[0]


def _fingerprint(site: Machine) -> str:
    """Return the SHA-256 of a site's certificate, as notices have it."""
    chain = site.shell.file(f"/etc/ssl/certs/{site.told.site}.pem").content
    return hash_of(x509.load_pem_x509_certificates(chain)[0]).hex()

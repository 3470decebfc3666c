"""A mail server brings vouchers at every port, by STARTTLS too, and is an ordinary mail server for all others."""

import json
from typing import Final

import pytest

from testbed.roles.mail_server import PASSWORD
from tests.lab.conftest import Machine, others

# Each port, as `mecai client check` is told of it.
PORTS: Final = {
    "imaps": "{name}:993",
    "submissions": "{name}:465",
    "imap": "--starttls imap {name}",
    "smtp": "--starttls smtp {name}",
    "submission": "--starttls smtp {name}:587",
}
STARTTLS: Final = {143: "imap", 25: "smtp", 587: "smtp"}
# Run on a client, by the Python of mecai there, told of the name, an address, its password and a word.
LOGIN: Final = """
import imaplib, json, smtplib, sys, time
from mecai.client import VoucherContext
name, address, password, word = sys.argv[1:]
context = VoucherContext.from_config()
letter = f"From: {address}\\r\\nTo: {address}\\r\\nSubject: {word}\\r\\n\\r\\nhello\\r\\n"
with smtplib.SMTP(name, 587, timeout=20) as relay:
    relay.starttls(context=context)
    relay.login(address, password)
    relay.sendmail(address, [address], letter)
found, until = [b""], time.monotonic() + 30
with imaplib.IMAP4(name, 143, 20) as mailbox:
    mailbox.starttls(context)
    mailbox.login(address, password)
    while not found[0] and time.monotonic() < until:
        mailbox.select()
        found = mailbox.search(None, "SUBJECT", word)[1]
print(len(found[0].split()))
"""
# What the server says to whom it knows nothing of, at ports 25 and 143, in the clear and over TLS.
STRANGER: Final = """
import imaplib, json, smtplib, ssl, sys
name, address = sys.argv[1:]
context = ssl.create_default_context()
with smtplib.SMTP(name, 25, timeout=20) as relay:
    relay.starttls(context=context)
    relay.ehlo()
    relay.mail("somebody@elsewhere.test")
    recipients = [address, "nobody@" + address.partition("@")[2], "somebody@elsewhere.test"]
    relayed = [relay.rcpt(each)[0] for each in recipients]
with smtplib.SMTP(name, 587, timeout=20) as relay:
    relay.ehlo()
    in_the_clear = [relay.docmd("AUTH", "PLAIN AGEAYQ==")[0] // 100]
with imaplib.IMAP4(name, 143, 20) as mailbox:
    try:
        in_the_clear += [mailbox.login(address, "guess")[0]]
    except imaplib.IMAP4.error as error:
        in_the_clear += [str(error)]
print(json.dumps([relayed, in_the_clear]))
"""
PYTHON: Final = "/opt/mecai/venv/bin/python"


def test_there_is_a_voucher_of_every_other_owners_authority(mail_server: Machine) -> None:
    found = mail_server.run("find /var/lib/mecai-sidecar/staples -name '*.voucher'").split()
    assert len(found) == len(others(mail_server))


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("profile", ["default", "strict"])
def test_client_that_demands_vouchers_accepts(client: Machine, mail_server: Machine, port: str, profile: str) -> None:
    if (found := len(others(mail_server))) < 2:
        pytest.skip(f"two must vouch for the strict client, there is {found}")
    where = PORTS[port].format(name=mail_server.told.mail_server)
    answer = json.loads(client.run(f"mecai client check {where} --profile {profile} --format json"))
    assert (answer["verdict"], answer["reason"]) == ("accepted", None)
    assert answer["address"] in mail_server.told.addresses
    assert len(answer["vouchers"]) == {"default": 1, "strict": 2}[profile]


@pytest.mark.parametrize("port", STARTTLS)
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_starttls_brings_the_ocsp_response(client: Machine, mail_server: Machine, port: int, version: str) -> None:
    name = mail_server.told.mail_server
    connect = f"-connect {name}:{port} -starttls {STARTTLS[port]} -servername {name} -status {version}"
    handshake = client.run(f"openssl s_client {connect} </dev/null 2>&1")
    assert "OCSP Response Status: successful (0x0)" in handshake
    assert "Cert Status: good" in handshake


@pytest.mark.lab_only("the users and their passwords are the lab's")
def test_what_a_user_sends_is_read_by_whom_it_is_for(client: Machine, mail_server: Machine) -> None:
    """Python's own mail programs, with vouchers demanded of every connection."""
    [address], word = mail_server.told.mail_users, client.run("cat /proc/sys/kernel/random/uuid").strip()
    told = f"{mail_server.told.mail_server} {address} {PASSWORD} {word}"
    assert client.run(f"{PYTHON} -c %s {told}", LOGIN).strip() == "1"


@pytest.mark.lab_only("trust in the CAs and the users are the lab's")
def test_strangers_reach_users_alone_and_nobody_logs_in_before_tls(client: Machine, mail_server: Machine) -> None:
    [address] = mail_server.told.mail_users
    relayed, in_the_clear = json.loads(client.run(f"python3 -c %s {mail_server.told.mail_server} {address}", STRANGER))
    assert relayed == [250, 550, 554]
    assert in_the_clear[0] == 5
    assert "BAD" in in_the_clear[1]

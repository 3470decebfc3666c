"""What an authority says of itself to those who publish directories: one entry (docs/spec, section 7)."""

import base64
from datetime import datetime

from mecai.ca.authority.profiles import names_in
from mecai.ca.config import AuthorityConfig
from mecai.ca.storage.keystore import Keystore
from mecai.ca.storage.records import CertificateProfile, Issuer
from mecai.ca.storage.register import Register
from mecai.errors import InputError, Malformed
from mecai.protocol.objects.authorities import Authority, Mail, Server
from mecai.protocol.pki.identity import authority_id, spki_der, spki_hash
from mecai.protocol.pki.keys import load_public_key
from mecai.protocol.pki.mail_addresses import mail_address


def describe(config: AuthorityConfig, keystore: Keystore, register: Register, now: datetime) -> Authority:
    """Return the entry of an authority.

    It lists each CA whose key is kept here, while its certificate is good at `now`, and those the operator names. One
    that the root certified for a key elsewhere may be another owner's: listed with this one, it would let that owner
    vouch for itself (V6, ADR 0028).
    """
    root = keystore[Issuer.ROOT].certificate
    own = {spki_hash(keystore[issuer].certificate) for issuer in Issuer}
    good = {
        spki_hash(each.certificate) for each in register.entries_by(CertificateProfile.ISSUING) if each.is_good(now)
    }
    return Authority(
        name=config.name,
        owner_group=config.owner_group,
        region=config.region,
        authority=authority_id(spki_der(root)),
        roots=(root,),
        subordinates=config.keys_elsewhere | (own & good),
        servers=(Server(config.vas_url, (root,)),) if config.vas_url else (),
        mail=_mail(config.mail, register, now),
        report_key=_report_key(config.report_key),
    )


def _mail(configured: str | None, register: Register, now: datetime) -> Mail | None:
    """Return the sender of mail with its newest certificate, if it has a good one."""
    if configured is None:
        return None
    sender, entries = mail_address(configured), register.entries_by(CertificateProfile.MAIL)
    good = [each.certificate for each in entries if each.is_good(now) and sender in names_in(each.certificate)]
    return Mail(sender, good[-1]) if good else None


def _report_key(configured: str | None) -> bytes | None:
    """Return the key that signs reports; raises `InputError` where no directory could list it."""
    if configured is None:
        return None
    try:
        load_public_key(octets := base64.b64decode(configured))
    except Malformed as error:
        raise InputError(f"report_key: {error.detail}; expected what `mecai vas report-key` prints") from error
    return octets

"""Keep a private key on the host that uses it, and a certificate that fits it.

The module runs with the host's own Python, which on a plain Debian has no package for certificates. So it leaves making
keys to `mecai key create`, where the project settles what a key is, and judging certificates to `openssl`, whose rules
for host names are those of many clients. Both come with the role `runtime`. It must run as the user who owns the key:
nothing here is made safe against somebody else who may write in the same folder, because nobody else may.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: certificate_request
short_description: Keep a private key on this host, and a certificate that fits it
version_added: 1.1.0
description:
  - Makes the private key and its signing request where there is no key.
  - A key is replaced with O(new_key) only, together with its certificate. Until then the new one waits beside it, with
    C(.new) added to its name.
  - Says whether the host needs a certificate for the key, and returns the signing request if it does.
  - With O(issued), judges what a CA issued for the request in the same way, and puts it in place if it fits.
  - Run it as the user who owns the key (C(become_user)).
author:
  - The MECAI engineers (@mecai)
options:
  key:
    type: path
    required: true
    description: The private key (0600). Its signing request lies beside it, with C(.csr) added to its name.
  certificate:
    type: path
    required: true
    description: The certificate, followed by its intermediates.
  name:
    type: str
    required: true
    description: The common name to ask for.
  dns:
    type: list
    elements: str
    default: []
    description: The DNS names that the certificate must be for.
  email:
    type: list
    elements: str
    default: []
    description: The mail addresses that the certificate must be for.
  issuer:
    type: str
    default: ""
    description: The common name that the certificate's issuer must have; empty for any.
  renew_before_days:
    type: int
    default: 30
    description: How many days before its end a certificate is to be replaced.
  new_key:
    type: bool
    default: false
    description: Give a certificate that is replaced a new key.
  refused:
    type: str
    default: ""
    description: Why the certificate in place is to be replaced though it fits, such as that its CA revoked it.
  issued:
    type: str
    description: What a CA issued for the request (PEM), to be put in place.
attributes:
  check_mode:
    support: full
    description: A check makes no key and writes nothing; it says what would be done.
requirements:
  - openssl and, where a key is to be made, mecai on the host
"""

EXAMPLES = """
- name: Keep the key of the site, and see whether it needs a certificate
  mecai.infrastructure.certificate_request:
    key: /etc/ssl/private/www.example.test.pem
    certificate: /etc/ssl/certs/www.example.test.pem
    name: www.example.test
    dns: [www.example.test, example.test]
  register: site

- name: Put in place what the CA issued
  mecai.infrastructure.certificate_request:
    key: /etc/ssl/private/www.example.test.pem
    certificate: /etc/ssl/certs/www.example.test.pem
    name: www.example.test
    dns: [www.example.test, example.test]
    issued: "{{ answer_of_the_ca.stdout }}"
  when: site.request
"""

RETURN = """
reason:
  description: Why a certificate is needed; empty if the host has one that fits.
  type: str
  returned: always
  sample: it ends within 30 days
request:
  description: The signing request (PEM) if a certificate is needed; empty otherwise, and where a check made no key.
  type: str
  returned: always
certificate:
  description: The certificate in place (PEM) if it is for the key, be it to be replaced or not, so that its CA can be
    asked about it; empty otherwise.
  type: str
  returned: always
"""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "key": {"type": "path", "required": True, "no_log": False},
    "certificate": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "dns": {"type": "list", "elements": "str", "default": []},
    "email": {"type": "list", "elements": "str", "default": []},
    "issuer": {"type": "str", "default": ""},
    "renew_before_days": {"type": "int", "default": 30},
    "new_key": {"type": "bool", "default": False, "no_log": False},
    "refused": {"type": "str", "default": ""},
    "issued": {"type": "str"},
}
SECONDS_A_DAY = 86400
PUBLIC = 0o644


class Judge:
    """Says of a certificate why it does not fit a key, and the names, issuer and time that the task names."""

    def __init__(self, module: AnsibleModule, key: Path) -> None:
        self._module = module
        self._file = key
        self._wanted = module.params

    def fault(self, certificate: Path) -> str:
        """Return the first reason to replace the certificate in that file, or an empty string if it fits."""
        return self.fault_of_key(certificate) or self.fault_of_content(certificate)

    def fault_of_key(self, certificate: Path) -> str:
        """Return why that file holds no certificate for the key, or an empty string if it does."""
        if not certificate.exists():
            return "there is no certificate"
        code, public_key, _ = self._openssl("x509", "-in", str(certificate), "-noout", "-pubkey")
        if code != 0:
            return "it cannot be read"
        if public_key != self._key():
            return "it belongs to another key"
        return ""

    def fault_of_content(self, certificate: Path) -> str:
        """Return why a certificate for the key is to be replaced all the same, or an empty string."""
        return self._fault_of_issuer(certificate) or self._fault_of_time_and_names(certificate)

    def _key(self) -> str:
        """Return the key's public half; ends the module if there is no key to be read."""
        code, public_key, said = self._openssl("pkey", "-in", str(self._file), "-pubout")
        if code != 0:
            fail(self._module, f"{self._file}: openssl cannot read this private key: {said.strip()}")
        return public_key

    def _fault_of_issuer(self, certificate: Path) -> str:
        wanted = self._wanted["issuer"]
        # One attribute a line, so that no name can look like another attribute.
        show = ("-noout", "-issuer", "-nameopt", "multiline,utf8,-esc_msb")
        shown = self._openssl("x509", "-in", str(certificate), *show)[1]
        names = [line.partition("= ")[2] for line in shown.splitlines() if line.lstrip().startswith("commonName ")]
        return f"it was not issued by {wanted}" if wanted and names != [wanted] else ""

    def _fault_of_time_and_names(self, certificate: Path) -> str:
        if not self._holds(certificate):
            return f"it ends within {self._wanted['renew_before_days']} days"
        wanted = [("-verify_hostname", name) for name in self._wanted["dns"]]
        wanted += [("-verify_email", address) for address in self._wanted["email"]]
        missing = [name for option, name in wanted if not self._holds(certificate, option, name)]
        return f"it is not for {', '.join(missing)}" if missing else ""

    def _holds(self, certificate: Path, *demands: str) -> bool:
        """Say whether the certificate, trusted as it is, will meet the demands when the time to renew has passed."""
        then = int(time.time()) + self._wanted["renew_before_days"] * SECONDS_A_DAY
        trust = ("-partial_chain", "-trusted", str(certificate), "-attime", str(then))
        return self._openssl("verify", *trust, *demands, str(certificate))[0] == 0

    def _openssl(self, *arguments: str) -> tuple[int, str, str]:
        program = self._module.get_bin_path("openssl", required=True)
        code, output, said = self._module.run_command([program, *arguments])
        return code, output, said


def request_of(key: Path) -> Path:
    """Return where the signing request of a key lies."""
    return key.with_name(f"{key.name}.csr")


def successor_of(key: Path) -> Path:
    """Return where the key waits that is to replace a key."""
    return key.with_name(f"{key.name}.new")


def key_to_certify(key: Path) -> Path:
    """Return the successor if one waits with its request, else the key itself."""
    successor = successor_of(key)
    return successor if successor.exists() and request_of(successor).exists() else key


def make_key(module: AnsibleModule, key: Path) -> None:
    """Make a key and its signing request; ends the module if that fails."""
    wanted = module.params
    program = module.get_bin_path("mecai", required=True, opt_dirs=["/usr/local/bin", "/opt/mecai/venv/bin"])
    names = [option for name in wanted["dns"] for option in ("--dns", name)]
    files = ["--key", str(key), "--csr", str(request_of(key))]
    module.run_command([program, "key", "create", *files, "--name", wanted["name"], *names], check_rc=True)


@contextmanager
def written_beside(path: Path, text: str) -> Iterator[Path]:
    """Hold a file with `text` in the folder of `path`, safe on disk; it is gone afterwards unless it was renamed."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fchmod(descriptor, PUBLIC)
            os.fsync(descriptor)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def install(module: AnsibleModule) -> dict[str, Any]:
    """Put what the CA issued in place, with the key that it is for, if it fits; ends the module if it does not."""
    path, key = Path(module.params["certificate"]), Path(module.params["key"])
    certified = key_to_certify(key)
    with written_beside(path, module.params["issued"].strip() + "\n") as candidate:
        if fault := Judge(module, certified).fault(candidate):
            fail(module, f"{path}: the CA's answer is not put in place: {fault}")
        if not module.check_mode:
            if certified != key:  # the request first: what breaks off between these is made anew
                request_of(certified).replace(request_of(key))
                certified.replace(key)
            candidate.replace(path)
    return {"changed": True, "reason": "", "request": "", "certificate": ""}


def prepare(module: AnsibleModule) -> dict[str, Any]:
    """Make a missing key; say why a certificate is needed, if one is, and return the request for it."""
    key, certificate = Path(module.params["key"]), Path(module.params["certificate"])
    missing = not key.exists()
    if missing and module.check_mode:
        return {"changed": True, "reason": "there is no key", "request": "", "certificate": ""}
    if missing:
        make_key(module, key)
    judge = Judge(module, key)
    foreign = judge.fault_of_key(certificate)
    in_place = "" if foreign else certificate.read_text(encoding="ascii")
    reason = foreign or judge.fault_of_content(certificate) or module.params["refused"]
    if not reason:
        return {"changed": missing, "reason": "", "request": "", "certificate": in_place}
    made = missing or (certificate.exists() and ensure_successor(module, key))
    # A check shows a due renewal as the change that the run will make; the run itself shows it when it is made.
    request = request_of(key_to_certify(key)).read_text(encoding="ascii")
    return {"changed": made or module.check_mode, "reason": reason, "request": request, "certificate": in_place}


def ensure_successor(module: AnsibleModule, key: Path) -> bool:
    """Make the key that is to replace a key, if the task wants one and none waits; returns whether it was made."""
    if not module.params["new_key"] or module.check_mode or key_to_certify(key) != key:
        return False
    for unfinished in (successor_of(key), request_of(successor_of(key))):
        unfinished.unlink(missing_ok=True)
    make_key(module, successor_of(key))
    return True


def fail(module: AnsibleModule, message: str) -> NoReturn:
    """End the module with one line."""
    module.fail_json(msg=message)
    raise AssertionError  # fail_json ends the process


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    step = prepare if module.params["issued"] is None else install
    try:
        result = step(module)
    except OSError as error:
        fail(module, f"{error.filename}: {error.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()

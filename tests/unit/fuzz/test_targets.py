"""The targets of the fuzzer: the seeds pass, and a broken promise is a finding."""

from pathlib import Path

import pytest

from mecai.protocol.codec.tls_request import RequestExtension
from tests.fuzz import __main__ as program
from tests.fuzz import targets
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import SCENE, TARGETS, Finding, seeds

pytestmark = pytest.mark.filterwarnings("ignore")  # the library warns of oddities that it lets pass


def test_every_target_has_seeds() -> None:
    assert tuple(TARGETS) == tuple(SEEDS) == program.TARGETS
    for target, make in SEEDS.items():
        assert {path.name for path in seeds(target)} == {name for name, _ in make()}


@pytest.mark.parametrize("path", [path for target in TARGETS for path in seeds(target)], ids=lambda path: path.name)
def test_seeds_pass(path: Path) -> None:
    target, data = TARGETS[path.parent.name], path.read_bytes()
    for octets in (data, data[:-1], data + b"\0", b""):
        target(octets)


@pytest.mark.parametrize("path", seeds("voucher"), ids=lambda path: path.name)
def test_seeds_lead_all_the_way(path: Path) -> None:
    """A seed that is refused at once would show the fuzzer nothing."""
    SCENE.accept(path.read_bytes())


def test_an_encoder_that_differs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequestExtension, "encode", lambda _: b"")
    with pytest.raises(Finding, match="written back"):
        targets.extension((targets.CORPUS / "extension" / "choice").read_bytes())


def test_a_forgery_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "GENUINE", set())
    with pytest.raises(Finding, match="never signed"):
        targets.voucher((targets.CORPUS / "voucher" / "plain").read_bytes())


def test_a_directory_that_changes_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "sign_directory", lambda *_: SCENE.signed_directory())
    with pytest.raises(Finding, match="something else"):
        targets.directory((targets.CORPUS / "directory" / "one").read_bytes())


def test_other_exceptions_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> None:
        raise TypeError

    monkeypatch.setattr(targets.VoucherRequest, "decode", fail)
    with pytest.raises(TypeError):
        targets.request(b"")

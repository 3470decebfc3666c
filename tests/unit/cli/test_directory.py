"""`mecai directory`: what it builds, shows and refuses; exit codes 0, 1, 2, 3."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mecai.protocol.objects.authorities import Distrust, Server
from mecai.protocol.objects.directory import parse_directory
from mecai.protocol.objects.entries import encode_authority, encode_distrust
from mecai.protocol.pki.identity import authority_id, spki_der, spki_hash
from tests.pki import DAY, NOW, Hierarchy, ca_extensions, issue, key
from tests.scene import PUBLISHER, authority_entry
from tests.unit.cli.program import Ended, mecai

AT = "2026-03-02T12:00:00Z"
LATER = "2026-03-09T12:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two entries, a distrust list, and the publisher's key and certificate."""
    for name in ("alder", "birch"):
        (tmp_path / f"{name}.json").write_text(json.dumps(encode_authority(authority_entry(Hierarchy(name)))))
    distrust = Distrust(spki_hash(Hierarchy("gone").root.certificate), NOW, "stolen")
    (tmp_path / "distrust.json").write_text(json.dumps([encode_distrust(distrust)]))
    (tmp_path / "key.pem").write_bytes(PUBLISHER.key_pem)
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "publishers.pem").write_bytes(PUBLISHER.pem)
    return tmp_path


def build(
    folder: Path, *more: object, entries: tuple[str, ...] = ("alder", "birch"), sequence: int | None = 1
) -> Ended:
    words: list[object] = ["directory", "build", "--context", "MOZ", "--days", 7, "--at", AT]
    words += ["--sequence", sequence] if sequence is not None else []
    for entry in entries:
        words += ["--entry", folder / f"{entry}.json"]
    words += [
        "--key",
        folder / "key.pem",
        "--certificate",
        folder / "publishers.pem",
        "--out",
        folder / "directory.der",
    ]
    return mecai(*words, *more)


def test_build_signs_what_verify_accepts(folder: Path) -> None:
    assert build(folder, "--distrust", folder / "distrust.json").code == 0
    directory = parse_directory((folder / "directory.der").read_bytes(), [PUBLISHER.certificate], NOW)
    assert [authority.name for authority in directory.authorities] == ["alder", "birch"]
    assert directory.distrust[0].reason == "stolen"
    ended = mecai(
        "directory", "verify", folder / "directory.der", "--publishers", folder / "publishers.pem", "--at", AT
    )
    assert (ended.code, ended.err) == (0, "")
    assert "sequence 1, 2 authorities, 1 distrusted" in ended.out


def test_the_number_is_the_time_of_issue_where_none_is_given(folder: Path) -> None:
    assert build(folder, sequence=None).code == 0
    directory = parse_directory((folder / "directory.der").read_bytes(), [PUBLISHER.certificate], NOW)
    assert directory.sequence == int(NOW.timestamp())


def test_the_next_publishers_travel_along(folder: Path) -> None:
    assert build(folder, "--next-publishers", folder / "publishers.pem").code == 0
    directory = parse_directory((folder / "directory.der").read_bytes(), [PUBLISHER.certificate], NOW)
    assert directory.publishers == (PUBLISHER.certificate,)


def test_view_shows_and_says_that_it_checked_nothing(folder: Path) -> None:
    build(folder, "--distrust", folder / "distrust.json")
    ended = mecai("directory", "view", folder / "directory.der")
    assert ended.code == 0
    assert "https://vas.birch.test" in ended.out
    assert "distrusted from 2026-03-02T12:00:00Z" in ended.out
    assert "not verified" in ended.err


def test_view_fits_80_columns_and_splits_nothing(folder: Path) -> None:
    entry = authority_entry(Hierarchy("birch"), owner_group="o" * 32)
    far = Server(f"https://{'v' * 50}.birch.test", entry.roots)
    entry = replace(entry, name=f"[red]{'b' * 60}", servers=(*entry.servers, far))
    (folder / "birch.json").write_text(json.dumps(encode_authority(entry)))
    assert build(folder, "--distrust", folder / "distrust.json").err == ""
    lines = mecai("directory", "view", folder / "directory.der").out.splitlines()[1:]
    assert max(map(len, lines)) <= 80
    line = next(line for line in lines if line.startswith(entry.authority.hex()))
    assert line.split() == [entry.authority.hex(), "o" * 32, "EU"]
    assert {f"  {entry.name},", f"  {far.url}"} < set(lines)
    assert f"  {spki_hash(Hierarchy('gone').root.certificate).hex()}" in lines


def test_view_and_verify_speak_json(folder: Path) -> None:
    build(folder, "--distrust", folder / "distrust.json")
    publishers = ("--publishers", folder / "publishers.pem", "--at", AT)
    for verb, more in (("view", ()), ("verify", publishers)):
        ended = mecai("directory", verb, folder / "directory.der", "--format", "json", *more)
        document = json.loads(ended.out)
        assert (document["context"], document["sequence"], len(document["authorities"])) == ("MOZ", 1, 2)


def test_verify_refuses_with_the_rule(folder: Path) -> None:
    build(folder)
    (folder / "others.pem").write_bytes(Hierarchy("alder").root.pem)
    expired = mecai(
        "directory", "verify", folder / "directory.der", "--publishers", folder / "publishers.pem", "--at", LATER
    )
    foreign = mecai("directory", "verify", folder / "directory.der", "--publishers", folder / "others.pem", "--at", AT)
    for ended, line in ((expired, "mecai: directory-expired (D4)"), (foreign, "mecai: directory-untrusted (D2)")):
        assert ended.code == 1
        assert ended.err.startswith(line)


def test_bad_input_is_named(folder: Path) -> None:
    (folder / "bad.json").write_text('{"name": "alder"}')
    (folder / "text.json").write_text("alder")
    for entry, word in (("bad", "ownerGroup"), ("text", "JSON")):
        ended = build(folder, entries=(entry,))
        assert (ended.code, ended.out) == (2, "")
        assert f"{entry}.json: " in ended.err
        assert word in ended.err
    assert build(folder, entries=("alder", "alder")).code == 2
    assert build(folder, sequence=0).code == 2
    ahead = build(folder, sequence=1 << 62)
    assert (ahead.code, ahead.out) == (2, "")
    assert f"expected 1..{int(NOW.timestamp())}" in ahead.err
    assert build(folder, "--distrust", folder / "alder.json").code == 2
    assert mecai("directory", "view", folder / "publishers.pem").code == 2
    assert not (folder / "directory.der").exists()


def test_a_root_to_which_nothing_validates_is_named(folder: Path) -> None:
    birch = Hierarchy("birch")
    useless, entry = birch.server("birch.test").certificate, authority_entry(birch)
    for what, bad in (
        ("root", replace(entry, roots=(*entry.roots, useless))),
        ("root of https://vas.birch.test", replace(entry, servers=(Server("https://vas.birch.test", (useless,)),))),
    ):
        (folder / "birch.json").write_text(json.dumps(encode_authority(bad)))
        ended = build(folder)
        said = f"mecai: {folder / 'birch.json'}: {what} 'CN=birch.test': is no CA certificate\n"
        assert (ended.code, ended.err) == (2, said)
    assert not (folder / "directory.der").exists()


def test_a_root_is_judged_at_the_time_of_issue(folder: Path) -> None:
    ended = build(folder, "--at", "2056-03-02T12:00:00Z")
    assert ended.code == 2
    assert "alder.json: root 'CN=alder root': is valid from" in ended.err


def test_an_authoritys_root_has_a_key_of_version_1(folder: Path) -> None:
    large = key("large root", ec.SECP521R1)
    root = issue("large root", large, None, ca_extensions(large, None), span=(NOW, NOW + 365 * DAY)).certificate
    entry = replace(authority_entry(Hierarchy("birch")), authority=authority_id(spki_der(root)), roots=(root,))
    (folder / "birch.json").write_text(json.dumps(encode_authority(entry)))
    ended = build(folder)
    assert ended.code == 2
    assert "birch.json: root that the id names: key secp521r1 is none of P-256" in ended.err


def test_a_key_that_is_not_the_publishers(folder: Path) -> None:
    (folder / "key.pem").write_bytes(Hierarchy("alder").root.key_pem)
    ended = build(folder)
    assert ended.code == 2
    assert "is not the key of" in ended.err


def test_the_environment_at_fault(folder: Path) -> None:
    assert build(folder, entries=("missing",)).code == 3
    assert mecai("directory", "view", folder / "missing.der").code == 3
    (folder / "key.pem").chmod(0o644)
    assert build(folder).code == 3


@pytest.mark.parametrize("time", ["noon", "2026-03-02", "2026-03-02T12:00:00"])
def test_a_time_has_its_zone(folder: Path, time: str) -> None:
    ended = mecai("directory", "verify", folder / "x", "--publishers", folder / "publishers.pem", "--at", time)
    assert ended.code == 2
    assert "expected for example 2026-03-02T12:00:00Z" in ended.err


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_beyond_the_calendar_is_none(folder: Path, time: str) -> None:
    ended = mecai("directory", "verify", folder / "x", "--publishers", folder / "publishers.pem", "--at", time)
    assert ended.code == 2
    assert "is before the year 1 or after 9999 in UTC" in ended.err


def test_building_again_gives_the_same_octets(folder: Path) -> None:
    build(folder)
    first = (folder / "directory.der").read_bytes()
    build(folder)
    assert (folder / "directory.der").read_bytes() == first

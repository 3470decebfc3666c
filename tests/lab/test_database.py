"""The database of a VAS on PostgreSQL: whose it is, what is in it, and that nobody is needed when its server dies."""

import json

import pytest
from testinfra.backend.base import CommandResult

from mecai.protocol.objects.voucher import parse_voucher
from testbed.machine.waiting import until
from tests.lab.asking import VOUCHERS, ask, query, site_request
from tests.lab.conftest import Machine, issuers

UNIT = "postgresql@17-main.service"
COME_IN = "runuser -u %s -- psql --no-psqlrc --username=%s --dbname=%s --command='SELECT 1'"
SECONDS = 90  # a server that died is started after 5 s; /readyz is asked again and again
MAIN_PROCESS = f"systemctl show --property=MainPID --value {UNIT}"


def test_it_is_postgresql_17_with_the_roles_settings(database: Machine) -> None:
    assert query(database, "SHOW server_version").startswith("17.")
    wanted = {
        "listen_addresses": ", ".join(database.told.listens),
        "data_checksums": "on",
        "allow_alter_system": "off",
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "1min",
    }
    names = ", ".join(f"'{name}', current_setting('{name}')" for name in wanted)
    assert json.loads(query(database, f"SELECT json_build_object({names})")) == wanted


def test_its_owner_may_do_nothing_beyond_it(database: Machine) -> None:
    may = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles"
    assert query(database, f"{may} WHERE rolname = current_user") == "f"


def _come_in(database: Machine, user: str, role: str, name: str) -> CommandResult:
    return database.shell.run(COME_IN, user, role, name)


def test_only_the_servers_user_and_root_come_in(database: Machine) -> None:
    assert _come_in(database, "mecai-vas", "mecai-vas", "mecai-vas").rc == 0
    assert _come_in(database, "root", "mecai-vas", "mecai-vas").rc == 0
    for user, role in (("nobody", "mecai-vas"), ("www-data", "mecai-vas"), ("mecai-vas", "postgres")):
        refused = _come_in(database, user, role, "mecai-vas")
        assert (refused.rc, f'Peer authentication failed for user "{role}"' in refused.stderr) == (2, True)
    elsewhere = _come_in(database, "mecai-vas", "mecai-vas", "postgres")
    assert (elsewhere.rc, "no pg_hba.conf entry" in elsewhere.stderr) == (2, True)


def test_root_reads_in_the_log_what_the_server_vouched_for(database: Machine, site: Machine) -> None:
    if database in issuers(site):
        pytest.skip("it vouches for nothing that its own owner certified")
    certificate = parse_voucher(_vouched(site, database)).info.certificate_hash.hex()
    logged = {entry["certificate"]: entry for entry in json.loads(database.run("mecai vas log --format json"))}
    assert site.told.site in logged[certificate]["names"]
    vouched = query(database, "SELECT encode(certificate_hash, 'hex') FROM vouchers").split()
    assert logged[certificate]["vouchers"] == vouched.count(certificate) >= 1


@pytest.mark.lab_only("it ends the database's server")
@pytest.mark.parametrize(
    ("end", "begin"),
    [(f"kill -9 $({MAIN_PROCESS})", ""), ("systemctl stop postgresql", "systemctl start postgresql")],
    ids=["killed", "stopped for a while"],
)
def test_the_server_waits_for_its_database(database: Machine, site: Machine, end: str, begin: str) -> None:
    """It says that it is not ready, vouches for nobody, and goes on by itself; what it vouched for before is there."""
    if database in issuers(site):
        pytest.skip("it vouches for nothing that its own owner certified")
    before, given = database.run(MAIN_PROCESS), {_vouched(site, database)}
    database.run(end)
    if begin:  # one that was killed is back after a few seconds, whether anybody has asked meanwhile or not
        until(lambda: _failing(database)[:1] == ["database"], SECONDS, lambda: "/readyz says nothing of the database")
        status, _, body = ask(site, database, VOUCHERS, site_request(site).encode())
        assert (status, json.loads(body)["type"].rpartition("/")[2]) == (503, "overloaded")
        database.run(begin)
    until(lambda: database.run(MAIN_PROCESS) not in {before, "0"}, SECONDS, lambda: "its server does not come back")
    until(lambda: not _failing(database), SECONDS, lambda: "/readyz does not come back")
    given.add(_vouched(site, database))
    logged = query(database, "SELECT encode(der, 'hex') FROM vouchers").split()
    assert {voucher.hex() for voucher in given} <= set(logged)


def _vouched(tls_server: Machine, authority: Machine) -> bytes:
    """Ask for a voucher as the site's sidecar does."""
    status, _, body = ask(tls_server, authority, VOUCHERS, site_request(tls_server).encode())
    assert status == 200, body
    return body


def _failing(authority: Machine) -> list[str]:
    """Return the checks that fail, none where the VAS is ready."""
    status, _, body = ask(authority, authority, "/readyz", at="localhost")
    failed: list[str] = json.loads(body).get("failed", [])
    assert (status == 200) == (not failed)
    return failed

"""Two nodes of one VAS behind one name, on hosts of their own: one log, and no request is lost when one leaves."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import hash_of
from testbed.machine.waiting import until
from tests.lab.asking import ask, query, site_request
from tests.lab.conftest import chosen
from tests.lab.mailbox import delivered
from tests.lab.newcomer import newcomer
from tests.lab.nodes import SECONDS, Nodes, is_ready, load_on, two_nodes, wait_for

# Other settings than the operator's, for a while: nobody is bounded, and new certificates wait as long as is said.
SETTLE = """set -e
[ -e /root/vas.toml.kept ] || cp --preserve=all /etc/mecai/vas.toml /root/vas.toml.kept
{ printf 'hold = "%%s"\\nrequests_per_minute = 100000\\nown_requests_per_minute = 100000\\n' %s
  grep -v '^hold = ' /root/vas.toml.kept; } >/etc/mecai/vas.toml
systemctl restart mecai-vas"""
WAITING = "SELECT count(*) FROM outbox WHERE due IS NOT NULL AND body LIKE '%{}%'"
# A lab's domain may have had its mails of the day, by attacks that were played and by other tests.
NOBODY_TOLD = "DELETE FROM outbox WHERE kind = 'count'"
BRING_BACK = "mv /root/vas.toml.kept /etc/mecai/vas.toml && systemctl restart mecai-vas"
pytestmark = pytest.mark.lab_only("it ends servers, and has new certificates made")


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Return them while they bound nobody."""
    found = two_nodes()
    try:
        _settle(found, "PT0S")
        yield found
    finally:
        for node in found.both:
            node.run(BRING_BACK)
        wait_for(found)


@pytest.fixture
def holding(nodes: Nodes) -> Iterator[Nodes]:
    """Have them hold whatever certificate is new, and tell of it."""
    _settle(nodes, "P3D")
    query(nodes.first, NOBODY_TOLD)
    yield nodes
    _settle(nodes, "PT0S")


def _settle(nodes: Nodes, hold: str) -> None:
    for node in nodes.both:
        node.run(SETTLE, hold)
    wait_for(nodes)


@pytest.fixture
def new_request(nodes: Nodes) -> Iterator[VoucherRequest]:
    """Have the site show a certificate beside its own that no VAS has seen; return what it asks for that."""
    with newcomer(nodes.site) as (_, request):
        yield request


def test_each_node_serves_with_a_key_of_its_own_below_one_root(nodes: Nodes) -> None:
    said = [json.loads(ask(nodes.site, nodes.first, "/v1/authority", at=node.told.node)[2]) for node in nodes.both]
    assert said[0]["authority"] == said[1]["authority"]
    assert said[0]["certificate"] != said[1]["certificate"]
    vouchers = [parse_voucher(nodes.ask(node, site_request(nodes.site))[1]) for node in nodes.both]
    assert vouchers[0].info.authority == vouchers[1].info.authority
    logged = query(nodes.first, "SELECT encode(der, 'hex') FROM vouchers").split()
    assert {hex(voucher.info.serial_number) for voucher in vouchers} <= {
        hex(parse_voucher(bytes.fromhex(der)).info.serial_number) for der in logged
    }


def test_the_database_lets_the_other_host_in_by_its_certificate_alone(nodes: Nodes) -> None:
    where = f"host={nodes.first.told.node} user=mecai-vas dbname=mecai-vas sslmode=%s"
    known = "sslrootcert=/etc/mecai/agents-roots.pem"
    own = "sslcert=/var/lib/mecai-vas/agents-certificate.pem sslkey=/var/lib/mecai-vas/agents-key.pem"
    connect = "/opt/mecai/venv/bin/python3 -c 'import psycopg, sys; psycopg.connect(sys.argv[1], connect_timeout=5)' %s"
    wanted = {
        f"{where % 'verify-full'} {known} {own}": "",
        f"{where % 'verify-full'} {known} sslcert=": "connection requires a valid client certificate",
        f"{where % 'disable'}": "no encryption",
    }
    for conninfo, refusal in wanted.items():
        said = nodes.second.shell.run(connect, conninfo)
        assert (said.rc == 0, refusal in said.stderr) == (not refusal, True), said.stderr
    by_database = query(nodes.first, "SELECT DISTINCT client_dn FROM pg_stat_ssl WHERE client_dn IS NOT NULL")
    assert by_database == f"/CN={nodes.second.told.node}"


def test_a_node_and_the_database_are_believed_by_the_private_cas_lists_alone(nodes: Nodes) -> None:
    """With its lists, which nginx and libpq are told of, both are good; without any neither is."""
    roots, lists, both = "/etc/mecai/agents-roots.pem", "/etc/mecai/agents-crl.pem", "/root/known.pem"
    nodes.second.run(f"cat {roots} {lists} >{both}")
    door = f"{nodes.first.told.node}:8443 -servername {nodes.first.told.vas} -verify_hostname {nodes.first.told.vas}"
    database = f"{nodes.first.told.node}:5432 -starttls postgres -verify_hostname {nodes.first.told.node}"
    for where in (door, database):
        ask = (
            f"openssl s_client -crl_check_all -verify_return_error -connect {where} -CAfile %s </dev/null 2>&1 || true"
        )
        assert "Verification: OK" in nodes.second.run(ask, both)
        assert "unable to get certificate CRL" in nodes.second.run(ask, roots)
    settings = nodes.second.run(f"rm {both}; cat /etc/mecai/vas.toml /etc/nginx/conf.d/mecai-vas.conf")
    assert (f"sslcrl={lists}" in settings, f'proxy_ssl_crl "{lists}"' in settings) == (True, True)


def test_a_certificate_that_both_see_at_one_moment_is_one_hold_and_one_set_of_mails(
    holding: Nodes, new_request: VoucherRequest
) -> None:
    nodes = holding
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda node: nodes.ask(node, new_request), nodes.both))
    assert [status for status, _ in answers] == [202, 202]
    assert json.loads(answers[0][1]) == json.loads(answers[1][1])
    seen = hash_of(x509.load_der_x509_certificate(new_request.certificate)).hex()
    logs = [json.loads(node.run(f"mecai vas log --certificate {seen} --format json")) for node in nodes.both]
    assert logs[0] == logs[1]
    [owner] = chosen("mail_host")

    def told() -> list[str]:
        mails = [each.mail for each in delivered(owner, seen)]
        return sorted(mail["To"] for mail in mails if mail["From"] == nodes.first.told.sender)

    until(lambda: len(told()) >= len(owner.told.mailboxes), SECONDS, lambda: f"{told()} were told")
    until(lambda: not _to_be_done(nodes, seen), SECONDS, lambda: f"{_to_be_done(nodes, seen)} messages wait")
    assert told() == sorted(owner.told.mailboxes)


def _to_be_done(nodes: Nodes, seen: str) -> int:
    """Count what waits about a certificate; of others something may be left for the end of the day."""
    return int(query(nodes.first, WAITING.format(seen)))


def test_a_node_that_is_drained_loses_no_request(nodes: Nodes) -> None:
    """Its door and its server are stopped: the server ends what it has begun, its nginx asks the other node."""
    with load_on(nodes) as load:
        nodes.second.run("systemctl stop mecai-vas.socket mecai-vas.service")
        assert not is_ready(nodes, nodes.second)
        load.wait()
        nodes.second.run("systemctl start mecai-vas.socket mecai-vas.service")
        wait_for(nodes)
        load.wait()
        answers = load.answers()
    assert set(answers) == {200}


@pytest.mark.parametrize("unit", ["mecai-vas", "mecai-vas-signer"])
def test_a_node_that_is_killed_loses_no_request_and_comes_back(nodes: Nodes, unit: str) -> None:
    """Nor does one wait for nginx's own patience (45 s), after which it asks nobody else: that would be a 504."""
    main = f"systemctl show --property=MainPID --value {unit}"
    before = nodes.second.run(main)
    with load_on(nodes) as load:
        nodes.second.run(f"systemctl kill --signal=KILL {unit}")
        load.wait()
        until(lambda: nodes.second.run(main) not in {before, "0"}, SECONDS, lambda: f"{unit} does not come back")
        wait_for(nodes)
        load.wait()
        answers = load.answers()
    assert set(answers) == {200}


def test_who_asks_by_the_name_reaches_a_node_when_the_other_host_is_gone(nodes: Nodes) -> None:
    """The DNS has the addresses of both, of which the program tries one after the other."""
    chain = f"/etc/ssl/certs/{nodes.site.told.site}.pem"
    places = " ".join(f"--address {address}" for address in nodes.site.told.addresses)
    trusted = "--directory /etc/mecai/directory.der --publishers /etc/mecai/publishers.pem"
    known = json.loads(ask(nodes.site, nodes.first, "/v1/authority")[2])["authority"]
    request = f"mecai voucher request --authority {known} {trusted} --chain {chain} {places}"
    for gone in nodes.both:
        gone.run("systemctl stop nginx")
        try:
            said = nodes.site.shell.run(request)
        finally:
            gone.run("systemctl start nginx")
        assert said.rc == 0, said.stderr

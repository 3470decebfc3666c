"""A URL of a database: what its way to the server has to demand."""

import pytest

from mecai.service.database_url import is_file, is_server, require_guarded

FULL = "sslmode=verify-full"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/lib/mecai-vas/vas.sqlite",
        "postgresql+psycopg://mecai@/vas?host=/var/run/postgresql",
        "postgresql+psycopg:///vas",
        "postgresql+psycopg://mecai@127.0.0.2:5433/vas",
        "postgresql+psycopg://mecai@[::1]/vas?hostaddr=::1",
        f"postgresql+psycopg://mecai@db.example/vas?{FULL}&sslrootcert=/etc/mecai/database.pem",
        f"postgresql+psycopg://mecai@/vas?host=one.example,two.example&{FULL}",
        f"postgresql+psycopg:///?service=vas&{FULL}",
    ],
)
def test_a_way_that_nobody_is_on(url: str) -> None:
    assert is_file(url) or is_server(url)
    require_guarded(url)


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql+psycopg://mecai:s3cret@db.example:5432/vas", "db.example"),
        ("postgresql+psycopg://mecai:s3cret@db.example/vas?sslmode=verify-ca", "db.example"),
        ("postgresql+psycopg://mecai:s3cret@db.example/vas?sslmode=require", "db.example"),
        (f"postgresql+psycopg://mecai:s3cret@db.example/vas?{FULL}&sslmode=disable", "db.example"),
        ("postgresql+psycopg://mecai:s3cret@192.0.2.1/vas", "192.0.2.1"),
        ("postgresql+psycopg://mecai:s3cret@[2001:db8::1]/vas", "2001:db8::1"),
        ("postgresql+psycopg://mecai:s3cret@/vas?host=/run,db.example", "db.example"),
        ("postgresql+psycopg://mecai:s3cret@/vas?host=db.example&host=/run", "db.example"),
        ("postgresql+psycopg://mecai:s3cret@localhost/vas?hostaddr=192.0.2.1", "192.0.2.1"),
        ("postgresql+psycopg://mecai:s3cret@/vas?service=far", "far"),
        ("postgresql+psycopg://mecai:s3cret@localhost.example/vas", "localhost.example"),
    ],
)
def test_a_way_over_a_network(url: str, seen: str) -> None:
    with pytest.raises(
        ValueError, match=f"^database: the way to {seen} leads over a network; expected {FULL}&"
    ) as told:
        require_guarded(url)
    assert "s3cret" not in str(told.value)


def test_an_address_that_is_none() -> None:
    with pytest.raises(ValueError, match="its server is neither a name nor an address"):
        require_guarded("postgresql+psycopg://mecai:s3cret@[2001:db8::x]/vas")

"""Settings of a Voucher Authority Server that looks from elsewhere, too: as text, for what reads them and no more."""

from typing import Final

ALONE: Final = """key = "k"
certificate = "c"
root = "r"
database = "sqlite:///vas.sqlite"
[[directory]]
context = "MOZ"
path = "d"
publishers = "p"
"""
_OWN: Final = """[perspectives]
region = "north"
key = "vas-key.pem"
certificate = "vas-certificate.pem"
roots = "vas-root.pem"
"""


def with_agents(urls: dict[str, str]) -> str:
    """Return settings with an agent at each of `urls`, named as its region is."""
    agents = (f"[[perspectives.agent]]\nname = {at!r}\nregion = {at!r}\nurl = {url!r}\n" for at, url in urls.items())
    return "".join((ALONE, _OWN, *agents))

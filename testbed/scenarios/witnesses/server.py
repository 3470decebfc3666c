"""A server asks a Voucher Authority for a voucher for what it shows: it must be served, whatever others do."""

from testbed.scenarios.means.mean import Parameter
from testbed.scenarios.witnesses import applicant
from testbed.scenarios.witnesses.witness import Witness

_OWN = {"by": Parameter("host", "server"), "tag": Parameter("word", ""), "address": Parameter("host", "server")}

WITNESS = Witness(
    name="server",
    says="the site's own server, which asks for a voucher for itself",
    verdicts=applicant.VERDICTS,
    parameters={**applicant.PARAMETERS, **_OWN},
    ask=applicant.ask,
    on="by",
)

"""Object identifiers of MECAI, in dotted form (docs/spec, "Identifiers").

The arc hangs under the enterprise number that RFC 5612 reserves for documentation; a deployment with an arc of its
own replaces `ARC` and nothing else.
"""

from typing import Final

ARC: Final = "1.3.6.1.4.1.32473.4"

# Content types: what a CMS object of this project may carry.
ID_CT_VOUCHER_INFO: Final = f"{ARC}.1.1"
ID_CT_EXPEDITE_STATEMENT: Final = f"{ARC}.1.2"
ID_CT_DIRECTORY: Final = f"{ARC}.1.3"
ID_CT_REPORT: Final = f"{ARC}.1.4"
ID_CT_SUCCESSION: Final = f"{ARC}.1.5"
ID_CT_INCIDENT: Final = f"{ARC}.1.6"

# Extended key usage of a Voucher Authority's certificate.
ID_KP_VOUCHER_SIGNING: Final = f"{ARC}.2.1"

# Other people's identifiers that the CMS profile names.
ID_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"  # RFC 5652 section 5.1
ID_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"  # RFC 5652 section 11.1
ID_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"  # RFC 5652 section 11.2
ID_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"  # RFC 5035 section 3
ID_RI_OCSP_RESPONSE: Final = "1.3.6.1.5.5.7.16.2"  # RFC 5940 section 2.1

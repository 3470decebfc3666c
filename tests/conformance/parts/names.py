"""Object identifiers as docs/spec writes them (I1), and those of other people's structures."""

ARC = "1.3.6.1.4.1.32473.4"
VOUCHER_INFO = f"{ARC}.1.1"
DIRECTORY = f"{ARC}.1.3"
REPORT = f"{ARC}.1.4"
UNKNOWN = "1.3.6.1.4.1.32473.99.1"  # below the documentation number, and nobody's

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
RI_OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"
RI_SCVP = "1.3.6.1.5.5.7.16.4"
OCSP_BASIC = "1.3.6.1.5.5.7.48.1.1"

"""The tables of a VAS: its logs, what was said about certificates, what is still to be done, directories, refusals.

The same schema serves SQLite (one node) and PostgreSQL (several nodes that share it). Its history is in `migrations`; a
test holds both together. Times are UTC, whole seconds.
"""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text, func, text

from mecai.service.database import UtcTime

METADATA: Final = MetaData()

# docs/spec H1: every certificate of a valid, probed request, until it expires.
CERTIFICATES: Final = Table(
    "certificates",
    METADATA,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("der", LargeBinary, nullable=False),
    Column("issuers", LargeBinary),  # the intermediates of the request, PEM
    Column("spki", LargeBinary(32), index=True),  # SHA-256 of the SubjectPublicKeyInfo (H5)
    Column("first_seen", UtcTime, nullable=False, index=True),
    Column("released", UtcTime),  # when an exception ended the hold (H5, H6, H8)
    Column("released_by", String(16)),
    Column("disputed", UtcTime),  # since when an objection is not decided (H9)
    Column("expires", UtcTime, nullable=False, index=True),
)

# Who asked for a certificate that a probe then saw, for which addresses, when for the first and for the last time.
REQUESTS: Final = Table(
    "requests",
    METADATA,
    Column("certificate_hash", ForeignKey("certificates.hash", ondelete="CASCADE"), primary_key=True),
    Column("requester", String(45), primary_key=True),
    Column("addresses", String(16 * 46), primary_key=True),  # as text, with blanks between
    Column("first", UtcTime, nullable=False),
    Column("last", UtcTime, nullable=False),
)

# docs/spec H10: at which addresses a probe saw a certificate, so many at most, and by which notice its owner was told.
ADDRESSES: Final = Table(
    "addresses",
    METADATA,
    Column("certificate_hash", ForeignKey("certificates.hash", ondelete="CASCADE"), primary_key=True),
    Column("address", String(45), primary_key=True),
    Column("first", UtcTime, nullable=False),
    Column("told", String(32)),  # none: not yet
)

# docs/spec H8: verified statements that a certificate need not wait, one of each VA, the last that it made.
EXPEDITES: Final = Table(
    "expedites",
    METADATA,
    Column("certificate_hash", LargeBinary(32), primary_key=True),
    Column("authority", LargeBinary(8), primary_key=True),
    Column("issued", UtcTime, nullable=False),
    Column("expires", UtcTime, nullable=False, index=True),
    Column("der", LargeBinary, nullable=False),
)

# docs/spec H9: objections, each once for a certificate and a domain, with what an operator made of it.
COMPLAINTS: Final = Table(
    "complaints",
    METADATA,
    Column("certificate_hash", ForeignKey("certificates.hash", ondelete="CASCADE"), primary_key=True),
    Column("domain", String(253), primary_key=True),
    Column("raised", UtcTime, nullable=False),
    Column("requester", String(45), nullable=False),
    Column("decided", UtcTime),
    Column("decision", String(16)),  # upheld, dismissed
    Column("reason", Text),
)

# What is still to be done and was decided in the transaction that wrote the row: mail, reports to other VAs.
OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("key", Text, nullable=False),  # of one kind, each at most once
    Column("topic", String(253), index=True),  # what it is about: the domain whose owner is told
    Column("body", Text, nullable=False),  # JSON
    Column("created", UtcTime, nullable=False),
    Column("due", UtcTime),  # none: done, or given up
    Column("attempts", Integer, nullable=False),
    Column("outcome", Text),  # of the last attempt
    Index("ix_outbox_kind_key", "kind", "key", unique=True),
    Index("ix_outbox_due", "due", "created"),  # also of what is done, by how long ago
)
# What a key begins with: mostly the SHA-256 of a certificate, in hexadecimal. Its index serves these literals only.
ABOUT: Final = func.substr(OUTBOX.c.key, text("1"), text("64"))
Index("ix_outbox_about", ABOUT)

# What this VA has signed. The certificate may have left its log before the voucher leaves this one.
VOUCHERS: Final = Table(
    "vouchers",
    METADATA,
    Column("serial_number", LargeBinary(16), primary_key=True),
    Column("certificate_hash", LargeBinary(32), nullable=False, index=True),
    Column("this_update", UtcTime, nullable=False, index=True),
    Column("requester", String(45), nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("perspectives", Text),  # JSON: the names of those that agreed (P5), this VAS first
    Column("content", LargeBinary(32)),  # docs/spec R6: SHA-256 of what it says, but for number, times and evidence;
    Column("edition", Integer),  # of this content, the newest has the highest;
    Column("young_until", UtcTime),  # before which it answers whoever asks for this content
    Index("ix_vouchers_edition", "content", "edition", unique=True),
)

# docs/spec R9: how often what one node alone has seen often was seen by all of them, in a window of time that ends.
QUOTAS: Final = Table(
    "quotas",
    METADATA,
    Column("key", String(200), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("ends", UtcTime, nullable=False, index=True),
)

# docs/spec D2, D3: `mecai.protocol.acceptance.Record` of each trust context, stored before the directory is used.
# Where the VAS fetches the directory (X2), its signed octets too, and what came of the last fetches.
DIRECTORIES: Final = Table(
    "directories",
    METADATA,
    Column("context", String(32), primary_key=True),
    Column("record", LargeBinary, nullable=False),
    Column("octets", LargeBinary),
    Column("digest", LargeBinary(32)),  # SHA-256 of the octets: whether there are others is asked often
    Column("etag", String(255)),
    Column("fetched", UtcTime),  # when its publisher last gave, or confirmed, what is here
    Column("failed", UtcTime),
    Column("failure", Text),
)

# docs/spec X4: keys of CAs, and certificates, that the operator refuses.
DISTRUSTED: Final = Table(
    "distrusted",
    METADATA,
    Column("spki", LargeBinary(32), primary_key=True),  # SHA-256 of the SubjectPublicKeyInfo, or of the certificate
    Column("subject", Text),  # as the certificate has it that was given, if one was
    Column("added", UtcTime, nullable=False),
    Column("added_by", String(255), nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", String(16)),  # of what it is the SHA-256: none, of a key; certificate
)

# docs/spec F2: what clients saw, each certificate and address once a day. From a client (`reporter`) or from a VA.
REPORTS: Final = Table(
    "reports",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("certificate_hash", LargeBinary(32), nullable=False),
    Column("address", String(45), nullable=False),
    Column("day", String(10), nullable=False),
    Column("chain", Text, nullable=False),  # base64 of DER, a line for each certificate
    Column("port", Integer, nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("reason", String(64)),
    Column("text", Text),
    Column("received", UtcTime, nullable=False, index=True),
    Column("reporter", String(45)),
    Column("authority", LargeBinary(8)),  # the VA that passed it on
    Index("ix_reports_once", "certificate_hash", "address", "day", unique=True),
    sqlite_autoincrement=True,  # the outbox names reports by their ids: none is given twice
)

# docs/spec F6: incident notices of VAs, this one's own too, each once by SHA-256 of what is signed.
INCIDENTS: Final = Table(
    "incidents",
    METADATA,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("authority", LargeBinary(8), nullable=False, index=True),
    Column("kind", String(16), nullable=False),  # what the subject is the SHA-256 of: ca, certificate
    Column("subject", LargeBinary(32), nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received", UtcTime, nullable=False),
    Column("der", LargeBinary, nullable=False),
)

# The DNS names of the log's certificates, without `*.`: which others the log knows for a domain (docs/spec H9).
NAMES: Final = Table(
    "names",
    METADATA,
    Column("name", String(253), primary_key=True),
    Column("certificate_hash", ForeignKey("certificates.hash", ondelete="CASCADE"), primary_key=True, index=True),
)

"""What cases are made of, below the level of a case: DER, signatures, status, vouchers, directories.

Written from the specification with asn1crypto and without `mecai.protocol`, so that a fault there does not repeat
itself in the vectors. Every structure is a mapping of field names to DER, of which a case replaces what it speaks of.
"""

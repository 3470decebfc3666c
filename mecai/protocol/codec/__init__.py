"""Octets in and out: strict DER, the CMS profile, strict JSON, the TLS extensions."""

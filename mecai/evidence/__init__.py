"""Certificate status: ask OCSP, read CRLs, judge, cache."""

"""Beside a TLS server: fetch vouchers and OCSP staples, check them, lay them where the server reads them."""

"""Asking a Voucher Authority Server by the Voucher Request Protocol: one bounded exchange, its answers as values."""

"""Unit tests of the Voucher Authority Server."""

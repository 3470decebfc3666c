"""The rules: V1 to V11 for one voucher, C1 to C4 for one connection."""

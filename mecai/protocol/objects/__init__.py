"""What is signed, requested and published: vouchers, requests, directories."""

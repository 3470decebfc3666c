"""The one place that touches OpenSSL below Python's ssl."""

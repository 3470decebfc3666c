"""Which requests are let in: quotas, load, and identical requests in flight."""

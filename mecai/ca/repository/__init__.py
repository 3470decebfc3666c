"""What an authority publishes: certificates, CRLs, signed status."""

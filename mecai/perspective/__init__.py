"""The agent on another network that probes for a VAS (docs/spec P5): it holds no key that signs, it decides nothing."""

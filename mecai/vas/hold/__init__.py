"""The hold: how long a certificate waits before it is vouched for, and what lets it wait no longer."""

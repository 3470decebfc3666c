"""What every service needs."""

"""What every service needs: settings, logs, readiness, durable files, PEM files, deadlines."""

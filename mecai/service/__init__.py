"""What every service needs: settings, logs, readiness, the Flask frame, durable files, locks, PEM files, deadlines."""

"""Looking into a running broker: log lines."""

"""What the service does: one verb phrase a file, each a frozen dataclass of ports."""

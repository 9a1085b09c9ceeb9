"""Payment providers: where checkouts are opened and asked about."""

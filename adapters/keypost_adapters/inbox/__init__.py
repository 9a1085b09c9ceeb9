"""Inboxes: where received mail is read."""

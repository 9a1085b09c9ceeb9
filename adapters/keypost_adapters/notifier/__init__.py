"""Notifiers: how letters reach people."""

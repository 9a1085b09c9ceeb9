"""A raw message as readable fields, whatever a stranger put into it."""

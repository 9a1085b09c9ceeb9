"""Keypost's core: keys, entitlement, delivery, reading, trust.

Standard library only: no I/O, no clock, no framework. Ports (``keypost.ports``)
say what the core needs from the world; ``keypost_adapters`` provides it and
``keypostd`` wires both together.
"""

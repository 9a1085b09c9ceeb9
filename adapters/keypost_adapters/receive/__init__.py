"""Receiving mail: the embedded stack of local mode."""

"""Proving an SSH Ed25519 key: a challenge, a signature over it, and who that shows.

Pure: bytes and text in, values or facts out. Randomness, time and the Ed25519
arithmetic are arguments.
"""

"""The service over HTTP: the driving adapter for agents, payers and operators.

A handler reads a request, calls one use case and maps its outcome; the words,
numbers and documents around that are tables.
"""

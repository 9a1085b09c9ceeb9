"""The routes, a file for each thing that callers come for."""

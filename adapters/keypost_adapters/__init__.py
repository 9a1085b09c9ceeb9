"""The world outside the core: a folder is a port's role, a file is a technology."""

"""How the ``keypost`` command speaks: to people, to pipes, to programs."""

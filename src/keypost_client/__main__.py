"""``python -m keypost_client`` is the ``keypost`` command."""

from keypost_client.cli import main

main()

"""``python -m keypostd``."""

from keypostd.cli import main

main()

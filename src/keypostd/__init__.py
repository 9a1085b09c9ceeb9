"""The process: settings, wiring, and the ``keypostd`` command."""

"""The server that is measured: ``keypostd up`` in a process and a folder of its own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its ports, its process."""

    http: int
    smtp: int
    imap: int
    process: int

    @property
    def url(self) -> str:
        """Where its HTTP is."""
        return f"http://127.0.0.1:{self.http}"

    def cpu_seconds(self) -> float:
        """How much processor time it has used, of all its threads together."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_megabytes(self) -> float:
        """How much memory it holds now."""
        pages = int(Path(f"/proc/{self.process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run a server on free ports until the caller is done."""
    http, smtp, imap = (_free_port() for _ in range(3))
    environment = {
        **os.environ,
        "STATE_DIR": str(folder),
        "HTTP_ADDR": f"127.0.0.1:{http}",
        "SMTP_ADDR": f"127.0.0.1:{smtp}",
        "IMAP_ADDR": f"127.0.0.1:{imap}",
    }
    command = [sys.executable, "-m", "keypostd", "up", "--no-walk"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_until_healthy(http)
            yield Server(http, smtp, imap, process.pid)
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _wait_until_healthy(port: int) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as reply:
                json.load(reply)
                return
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)

"""The server that is measured: ``keypostd up`` in a process and a folder of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server


@dataclass(frozen=True, slots=True)
class Ports:
    """Three loopback ports."""

    http: int
    smtp: int
    imap: int

    @classmethod
    def free(cls) -> "Ports":
        """Find three that are free now."""
        with ExitStack() as held:
            listeners = [held.enter_context(create_server(("127.0.0.1", 0))) for _ in range(3)]
            return cls(*(listener.getsockname()[1] for listener in listeners))

    @property
    def url(self) -> str:
        """Where HTTP is."""
        return f"http://127.0.0.1:{self.http}"

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the environment of a server on these ports with its state in a folder."""
        return {
            **os.environ,
            "STATE_DIR": str(folder),
            "HTTP_ADDR": f"127.0.0.1:{self.http}",
            "SMTP_ADDR": f"127.0.0.1:{self.smtp}",
            "IMAP_ADDR": f"127.0.0.1:{self.imap}",
        }


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its ports, its process."""

    ports: Ports
    process: int

    @property
    def url(self) -> str:
        """Where its HTTP is."""
        return self.ports.url

    def kill(self) -> None:
        """End it as a power cut does, without a word."""
        os.kill(self.process, signal.SIGKILL)

    def cpu_seconds(self) -> float:
        """How much processor time it has used, of all its threads together."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_megabytes(self) -> float:
        """How much memory it holds now."""
        pages = int(Path(f"/proc/{self.process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def running(folder: Path, ports: Ports | None = None) -> Iterator[Server]:
    """Run a server, on free ports unless told which, until the caller is done."""
    ports = ports or Ports.free()
    with subprocess.Popen(
        [sys.executable, "-m", "keypostd", "up", "--no-walk"],
        env=ports.environment(folder),
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_until_healthy(ports, process)
            yield Server(ports, process.pid)
        finally:
            process.terminate()


def _wait_until_healthy(ports: Ports, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{ports.url}/healthz"):  # noqa: S310 - our own http URL
                return
        except OSError:
            if time.monotonic() > give_up or process.poll() is not None:
                raise
            time.sleep(0.05)

"""Ports, taken before anything else starts."""

import errno
import socket

from keypostd.environment import SettingsInvalid
from keypostd.values import Address

_BACKLOG = 1024


def listen(address: Address, *, setting: str) -> socket.socket:
    """Take a port; raise SettingsInvalid with the setting's name where it cannot be had.

    No host means every address of this machine, IPv6 as well where there is any.
    """
    try:
        if not address.host and socket.has_dualstack_ipv6():
            listener = _listener(socket.AF_INET6, ("::", address.port))
        else:
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            listener = _listener(family, (address.host, address.port))
    except OSError as error:
        raise SettingsInvalid(f"{setting}: {_why(address, error)}") from None
    return listener


def _listener(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; with
    # it, each answer of two writes would wait 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            both = address[0] == "::"
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both))
        listener.bind(address)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _why(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is taken by another program; name a free one with this variable"
    return f"cannot listen on {address} ({error.strerror})"


def free_port() -> int:
    """Return a loopback port that is free now."""
    with listen(Address("127.0.0.1", 0), setting="") as listener:
        port: int = listener.getsockname()[1]
    return port

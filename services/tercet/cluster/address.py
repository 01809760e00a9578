"""A TCP address to bind, as people write it: "host:port" with IPv6 hosts in brackets."""

from __future__ import annotations

import ipaddress

import msgspec


class Bind(msgspec.Struct, frozen=True):
    """A literal address and a port; port 0 asks for any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Bind:
        """Reads "127.0.0.1:50050", "[::]:50050", "localhost:0" or ":50050" (all interfaces).

        Names other than localhost are refused: which of their addresses to bind is ambiguous, and
        the supervisor must not wait for a resolver.

        Raises:
            ValueError: It is none of these.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(
                f"{text!r} is no address: write it as host:port, such as 0.0.0.0:50050"
            )
        host = {"": "::", "localhost": "127.0.0.1"}.get(
            host, host.removeprefix("[").removesuffix("]")
        )
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(
                f"{text!r} is no address to bind: the host must be an IP address or localhost"
            ) from None
        return cls(host=host, port=int(port))

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"

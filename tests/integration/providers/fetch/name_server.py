"""A DNS server on loopback: `silent.test` gets no answer, `unknown.test` is unknown, and others are 127.0.0.1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import cast

_HEADER = 12
_TYPE_A = 1
#: Flags of a response: recursion available, and with the code 3 an unknown name.
_FOUND, _UNKNOWN = b"\x81\x80", b"\x81\x83"


class NameServer(asyncio.DatagramProtocol):
    """Answers queries; `asked` holds the name of every query."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        labels, end = [], _HEADER
        while size := data[end]:
            labels.append(data[end + 1 : end + 1 + size].decode())
            end += 1 + size
        name = ".".join(labels)
        self.asked.append(name)
        if name.endswith("silent.test"):
            return
        question = data[_HEADER : end + 5]
        unknown = name.endswith("unknown.test")
        answers = b"" if unknown or question[-3] != _TYPE_A else _answer(IPv4Address("127.0.0.1"))
        counts = b"\0\1" + (b"\0\1" if answers else b"\0\0") + b"\0\0\0\0"
        self._transport.sendto(data[:2] + (_UNKNOWN if unknown else _FOUND) + counts + question + answers, addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """A running name server."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()


def _answer(address: IPv4Address) -> bytes:
    return b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address.packed

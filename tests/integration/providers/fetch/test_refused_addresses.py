import pytest

from schemas.errors import InputRefused
from tests.integration.providers.fetch.picture_server import PictureServer, answer, fetching, serving

HOSTS = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "localhost", "localhost.", "LOCALHOST", "2130706433", "017700000001",
    "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "169.254.169.254", "10.0.0.1",
    "172.16.0.1", "192.168.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "user@127.0.0.1",
    "pictures.example@127.0.0.1", "127.0.0.1:80@127.0.0.1", "\uff11\uff12\uff17.0.0.1",
]  # fmt: skip
PUBLIC = "93.184.216.34"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("listens_on", ["0.0.0.0", "::"])
async def test_no_connection_reaches_a_listener_that_is_not_public(listens_on: str, host: str) -> None:
    async with serving(listens_on) as server, fetching(allowed=()) as fetcher:
        with pytest.raises(InputRefused) as caught:
            await fetcher.fetch(server.url(host=host), subject="Input 1")
        assert caught.value.public_message.startswith("Input 1 ")
        assert server.connections == 0


@pytest.mark.parametrize("host", [host for host in HOSTS if host not in ("127.0.0.1", "localhost", "LOCALHOST")])
async def test_no_connection_follows_a_redirect_to_one(server: PictureServer, host: str) -> None:
    async with serving("::") as inside, fetching(allowed=("127.0.0.1/32",)) as fetcher:
        server.routes["/"] = answer(b"", "302 Found", f"Location: {inside.url(host=host).encode().decode('latin-1')}")
        with pytest.raises(InputRefused):
            await fetcher.fetch(server.url())
        assert (server.connections, inside.connections) == (1, 0)


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], [PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["::1"], [PUBLIC, "::1"]]
)
async def test_one_refused_address_refuses_the_name(server: PictureServer, answers: list[str]) -> None:
    async with fetching(answers, allowed=()) as fetcher:
        with pytest.raises(InputRefused, match="not public"):
            await fetcher.fetch(server.url(host="pictures.example"))
        assert server.connections == 0


async def test_a_name_is_resolved_only_once_per_fetch(server: PictureServer) -> None:
    async with serving("127.0.0.2") as other, fetching(["127.0.0.1"], ["127.0.0.2"]) as fetcher:
        assert await fetcher.fetch(server.url(host="pictures.example"))
        assert (server.connections, other.connections) == (1, 0)


async def test_a_name_is_resolved_and_checked_again_for_the_next_fetch(server: PictureServer) -> None:
    server.routes["/"] = answer(b"", "404 Not Found", "Connection: close")
    async with fetching(["127.0.0.1"], ["127.0.0.2"], allowed=("127.0.0.1/32",)) as fetcher:
        with pytest.raises(InputRefused, match="was not found"):
            await fetcher.fetch(server.url(host="pictures.example"))
        with pytest.raises(InputRefused, match="not public"):
            await fetcher.fetch(server.url(host="pictures.example"))
        assert server.connections == 1

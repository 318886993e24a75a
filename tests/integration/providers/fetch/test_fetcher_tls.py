import asyncio
import datetime as dt
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from schemas.errors import InputRefused, Transient
from tests.integration.providers.fetch.picture_server import answer, fetching, picture, serving
from tests.waiting import LIMIT_S


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context for `pictures.example`, trusted by what is fetched from here on."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pictures.example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pictures.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


async def test_the_server_at_the_checked_address_must_present_a_certificate_of_the_requested_name(
    tls: ssl.SSLContext,
) -> None:
    asked: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with serving(tls=tls) as server, fetching(["127.0.0.1"]) as fetcher:
        assert await fetcher.fetch(f"https://pictures.example:{server.port}/") == picture()
        with pytest.raises(Transient, match="did not answer"):
            await fetcher.fetch(f"https://evil.example:{server.port}/")
    assert asked == ["pictures.example", "evil.example"]


def _answer_and_ignore_the_goodbye(listener: socket.socket, tls: ssl.SSLContext) -> None:
    """Return when the connection is cut.

    Raises:
        TimeoutError: It was not, within `LIMIT_S`.
    """
    accepted, _ = listener.accept()
    encrypted = tls.wrap_socket(accepted, server_side=True)
    encrypted.recv(65_536)
    encrypted.sendall(answer(picture()))
    with socket.socket(fileno=encrypted.detach()) as raw:
        raw.settimeout(LIMIT_S)
        while raw.recv(65_536):
            pass


async def test_a_missing_tls_close_does_not_delay_the_fetch(tls: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving_one = asyncio.create_task(asyncio.to_thread(_answer_and_ignore_the_goodbye, listener, tls))
        async with fetching(["127.0.0.1"]) as fetcher:
            assert await fetcher.fetch(f"https://pictures.example:{listener.getsockname()[1]}/") == picture()
            await serving_one


async def test_a_redirect_never_leads_from_https_to_http(tls: ssl.SSLContext) -> None:
    async with serving(tls=tls) as server, serving() as plain, fetching(["127.0.0.1"]) as fetcher:
        server.routes["/"] = answer(b"", "301 Moved", f"Location: {plain.url()}")
        with pytest.raises(InputRefused, match="insecure"):
            await fetcher.fetch(f"https://pictures.example:{server.port}/")
        assert plain.connections == 0

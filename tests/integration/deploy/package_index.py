"""A package index on the loopback with tiny wheels."""

from __future__ import annotations

import base64
import hashlib
import threading
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class PackageIndex:
    """A folder with one subfolder of wheels per package; `serve` publishes it as a simple index."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which must exist and be empty."""
        self._folder = folder

    def add(
        self, name: str, version: str, *, requires: tuple[str, ...] = (), extra: str = "", tag: str = "py3-none-any"
    ) -> str:
        """Add a wheel of a package without code, and return the line that pins it in a requirements file.

        Args:
            name: The package's name, in lower case and without separators.
            version: Its version.
            requires: Its dependencies, as `Requires-Dist` has them.
            extra: The name of an extra that it offers.
            tag: The platform that its metadata names; its file name is for all platforms.
        """
        metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        metadata += [f"Provides-Extra: {extra}"] if extra else []
        metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
        return self._write(name, version, {"METADATA": "\n".join(metadata).encode()}, {}, tag)

    def add_installed_uv(self) -> str:
        """Add a wheel of the uv that this environment has, and return the line that pins it."""
        uv = distribution("uv")
        binary = next(path for path in uv.files or () if path.name == "uv" and path.parent.name == "bin")
        metadata = (uv.read_text("METADATA") or "").encode()
        scripts = {f"uv-{uv.version}.data/scripts/uv": Path(str(uv.locate_file(binary))).read_bytes()}
        return self._write("uv", uv.version, {"METADATA": metadata}, scripts)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve the index, and yield its address."""
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(self._folder))) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/"
            finally:
                server.shutdown()
                thread.join()

    def _write(
        self,
        name: str,
        version: str,
        info: Mapping[str, bytes],
        files: Mapping[str, bytes],
        tag: str = "py3-none-any",
    ) -> str:
        folder = f"{name}-{version}.dist-info"
        tags = f"Wheel-Version: 1.0\nGenerator: darkroom-tests\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
        contents = {**files, **{f"{folder}/{key}": value for key, value in info.items()}, f"{folder}/WHEEL": tags}
        record = "".join(f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in contents.items())
        contents[f"{folder}/RECORD"] = f"{record}{folder}/RECORD,,\n".encode()
        wheel = self._folder / name / f"{name}-{version}-py3-none-any.whl"
        wheel.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, data in contents.items():
                entry = zipfile.ZipInfo(path)
                entry.external_attr = 0o100755 << 16  # uv is a program; for the rest it makes no difference
                archive.writestr(entry, data)
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Log nothing."""

"""Parse the `multipart/form-data` bodies of uploads: a file and text fields."""

from __future__ import annotations

from email.message import EmailMessage
from email.parser import HeaderParser
from typing import NamedTuple


class Part(NamedTuple):
    """One part: its content type (empty if missing) and its bytes."""

    content_type: str
    data: bytes


def parts(content_type: str, body: bytes) -> dict[str, Part]:
    """Return the parts of a `multipart/form-data` body by name; empty for other content types."""
    header = EmailMessage()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    found = {}
    for piece in body.split(b"--" + boundary.encode())[1:-1] if boundary else []:
        head, _, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = HeaderParser().parsestr(head.decode(errors="replace"))
        name = headers.get_param("name", "", header="content-disposition")
        found[str(name)] = Part(headers.get("content-type", ""), data.removesuffix(b"\r\n"))
    return found

"""Validation of untrusted URLs before any network access."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address

import httpx

from providers.fetch.policy import FetchPolicy
from providers.pictures.errors import input_refused
from schemas.errors import InputRefused

#: Maximum length in characters: the usual limit of servers, longer than any known signed URL.
_MAX_LENGTH = 8192
_MAX_PORT = 65_535
#: Characters that parsers treat differently: controls, spaces, backslashes.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")
#: A last label made of digits, or of 0x and hexadecimal digits, makes a host an IPv4 address (WHATWG URL, 3.5).
_NUMERIC = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")


def parse_target(address: str, policy: FetchPolicy, *, subject: str, base: httpx.URL | None = None) -> httpx.URL:
    """Parse and check a URL that an untrusted party supplied.

    Args:
        address: The untrusted URL; relative to `base` if that is given.
        policy: The allowed hosts.
        subject: Name of the picture in messages to the user.
        base: The URL that redirected to `address`.

    Raises:
        InputRefused: The URL is not a valid http or https URL, or its host is not allowed.
    """
    url = _parse(address, subject, base)
    if url.scheme not in ("http", "https"):
        raise input_refused(subject, "does not have an http or https address", code="address_scheme")
    host = _host(url)
    if (
        url.userinfo
        or host is None
        or not _is_plain_host(host)
        or (url.port is not None and not 0 < url.port <= _MAX_PORT)
    ):
        raise _invalid(subject)
    if base is not None and base.scheme == "https" and url.scheme == "http":
        raise input_refused(subject, "is redirected from a secure to an insecure address", code="redirect_downgrade")
    if not policy.allows_host(host.lower()):
        raise input_refused(subject, "is on a server that pictures are not accepted from", code="host_not_allowed")
    return url


def _parse(address: str, subject: str, base: httpx.URL | None) -> httpx.URL:
    if len(address) > _MAX_LENGTH or _AMBIGUOUS.search(address):
        raise _invalid(subject)
    try:
        return httpx.URL(address) if base is None else base.join(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise _invalid(subject) from error


def _host(url: httpx.URL) -> str | None:
    """Return the host as Unicode; None for an `xn--` name that is not one."""
    try:
        return url.host
    except UnicodeError:  # raised by `idna`
        return None


def _is_plain_host(host: str) -> bool:
    """Return whether all parsers read `host` alike: canonical IPv4, no zone, no empty labels."""
    if not host or "%" in host or "" in host.split(".") or len(host) > 253:  # noqa: PLR2004  RFC 1035's limit
        return False
    return _is_canonical_v4(host) if _NUMERIC.search(host.lower()) and ":" not in host else True


def _is_canonical_v4(host: str) -> bool:
    try:
        return str(IPv4Address(host)) == host
    except AddressValueError:
        return False


def _invalid(subject: str) -> InputRefused:
    return input_refused(subject, "does not have a valid address", code="address_invalid")

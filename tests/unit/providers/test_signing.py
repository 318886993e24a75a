from __future__ import annotations

import time
from urllib.parse import parse_qs

import pytest

from providers.signing import LinkKind, LinkRefused, LinkSigner
from schemas.errors import Invalid


def link(signer: LinkSigner, subject: str, lifetime_s: int = 60) -> tuple[str, str]:
    query = parse_qs(signer.query(subject, lifetime_s=lifetime_s))
    return query["expires"][0], query["signature"][0]


@pytest.mark.parametrize("kind", LinkKind)
def test_a_signature_is_valid_for_its_own_kind_of_link_only(kind: LinkKind) -> None:
    expires, signature = link(LinkSigner(b"key", kind), "x")
    for other in LinkKind:
        signer = LinkSigner(b"key", other)
        if other is kind:
            signer.verify("x", expires, signature, now=time.time())
        else:
            with pytest.raises(LinkRefused, match="signature"):
                signer.verify("x", expires, signature, now=time.time())


@pytest.mark.parametrize("kind", LinkKind)
def test_a_changed_link_is_refused(kind: LinkKind) -> None:
    signer = LinkSigner(b"key", kind)
    expires, signature = link(signer, "x")
    changed = [
        ("y", expires, signature),
        ("\ud800", expires, signature),
        ("x", str(int(expires) + 1), signature),
        ("x", "never", signature),
        ("x", expires, ""),
        ("x", expires, "ü\ud800"),
        ("x", expires, ("B" if signature[0] == "A" else "A") + signature[1:]),
    ]
    for subject, at, signed in changed:
        with pytest.raises(LinkRefused) as refused:
            signer.verify(subject, at, signed, now=time.time())
        assert refused.value.error_code == "link_invalid"
    with pytest.raises(LinkRefused):
        LinkSigner(b"other", kind).verify("x", expires, signature, now=time.time())


def test_a_link_expires_at_its_time() -> None:
    signer = LinkSigner(b"key", LinkKind.FILE)
    expires, signature = link(signer, "x")
    signer.verify("x", expires, signature, now=int(expires) - 1)
    with pytest.raises(LinkRefused) as refused:
        signer.verify("x", expires, signature, now=int(expires))
    assert refused.value.error_code == "link_expired"


def test_an_empty_key_signs_nothing() -> None:
    with pytest.raises(Invalid, match="empty key"):
        LinkSigner(b"", LinkKind.FILE)

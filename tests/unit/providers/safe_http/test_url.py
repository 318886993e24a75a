import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.fetch.policy import FetchPolicy
from providers.safe_http.url import parse_target
from schemas.errors import InputRefused

ANY = FetchPolicy()
LISTED = FetchPolicy(allowed_hosts=("pictures.example", "*.CDN.example"))


def parse(address: str, policy: FetchPolicy = ANY, base: str | None = None) -> httpx.URL:
    return parse_target(address, policy, subject="Input 2", base=httpx.URL(base) if base else None)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://pictures.example/a", "file:///etc/passwd", "gopher://pictures.example/", "data:image/png;base64,AAAA",
        "//pictures.example/a.jpg", "pictures.example/a.jpg", "", "http://", "http:///a.jpg", "https://:443/",
        "http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/",
        "http://0177.0.0.1/", "http://127.0.0.01/", "http://127.0.0.1./", "http://localhost./", "http://a..b/",
        "http://user@pictures.example/", "http://pictures.example@127.0.0.1/", "http://127.0.0.1:80@pictures.example/",
        "http://pictures.example\\@127.0.0.1/", "http://pictures.example /", "http://pictures.example/\n",
        "http://[fe80::1%25eth0]/", "http://[::1/", "http://pictures.example:99999/", "http://a.example:0/", "http://%31%32%37.0.0.1/",
        "http://\uff11\uff12\uff17.0.0.1/", "http://" + "a" * 300 + ".example/", "http://a.example/" + "a" * 9000,
        "http://xn--a/", "http://xn--zzzzzzzzzzz.example/", "http://xn--/", "http://xn--ls8h.example/",
    ],
)  # fmt: skip
def test_an_ambiguous_url_is_refused(address: str) -> None:
    with pytest.raises(InputRefused):
        parse(address)


@pytest.mark.parametrize(
    "address",
    ["https://pictures.example/a.jpg?token=x%2Fy", "http://93.184.216.34:8080/", "http://[2606:4700::1111]/a",
     "https://b\xfccher.example/\xfc.png", "https://0x.example/", "https://3com.example/"],
)  # fmt: skip
def test_an_unambiguous_url_is_accepted(address: str) -> None:
    assert parse(address).scheme in ("http", "https")


def test_with_an_allow_list_only_its_hosts_are_accepted() -> None:
    assert parse("https://PICTURES.example/a", LISTED).host == "pictures.example"
    assert parse("https://x.cdn.example/a", LISTED).host == "x.cdn.example"
    for host in ("evil.example", "cdn.example", "xcdn.example", "pictures.example.evil.example", "93.184.216.34"):
        with pytest.raises(InputRefused, match="not accepted from"):
            parse(f"https://{host}/a", LISTED)


def test_a_redirect_may_be_relative_or_switch_to_https_but_never_to_http() -> None:
    assert str(parse("../b.jpg", base="https://a.example/x/y")) == "https://a.example/b.jpg"
    assert parse("https://b.example/", base="http://a.example/").scheme == "https"
    with pytest.raises(InputRefused, match="insecure"):
        parse("http://a.example/b.jpg", base="https://a.example/")


def test_a_refusal_names_the_picture_and_not_its_url() -> None:
    with pytest.raises(InputRefused) as caught:
        parse("https://evil.example/a?signature=s3cret", LISTED)
    assert caught.value.public_message == "Input 2 is on a server that pictures are not accepted from."
    assert "evil" not in str(caught.value)


@given(st.text() | st.text(alphabet="htps:/@\\[]%.0x17f-\u3002\uff0e ?#").map("http://".__add__))
def test_any_text_is_an_unambiguous_url_or_refused(address: str) -> None:
    try:
        url = parse(address)
    except InputRefused:
        return
    assert url.scheme in ("http", "https")
    assert url.host
    assert not url.userinfo


@given(st.text())
def test_any_redirect_target_is_an_unambiguous_url_or_refused(location: str) -> None:
    try:
        url = parse(location, base="https://a.example/x")
    except InputRefused:
        return
    assert url.scheme == "https"

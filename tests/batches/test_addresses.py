"""Webhooks go to no address that only this machine reaches, however it is written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from service.batches.addresses import find_addresses, is_public, read_literal, read_target
from service.errors import BatchInvalid

PRIVATE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.",
    "0.0.0.0", "0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0xa9fea9fe",
    "2852039166", "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]",
    "[fe80::1]", "[fe80::1%25eth0]", "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]",
    "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::127.0.0.1]", "[100::1]",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "1572395042", "[2606:2800:220:1:248:1893:25c8:1946]", "[::ffff:8.8.8.8]"]


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(BatchInvalid, match="GRADER_WEBHOOK_PRIVATE=true"):
        read_target(f"https://{host}/hook", allow_private=False)
    assert read_target(f"https://{host}/hook", allow_private=True).path == "/hook"


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_is_taken(host: str) -> None:
    target = read_target(f"https://{host}/hook", allow_private=False)
    literal = read_literal(target.host)
    assert literal is not None
    assert is_public(literal)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "ftp://example.org", "https://", "https://:80/", "https://example.org:x", "https:///path",
        "https://exa mple.org", "https://example.org/\nx", "https://example.org:99999", "file:///etc/passwd",
        "https://[::1", f"https://{'a' * 70}.org", "https://example.org/" + "x" * 2_000, "https://example.org\\@x",
        "https://999.1.1.1/", "https://1.2.3.4.5/", "https://%31/",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BatchInvalid, match="address"):
        read_target(url, allow_private=True)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(BatchInvalid, match="user or a password") as refused:
        read_target("https://me:secret@example.org/", allow_private=True)
    assert "secret" not in str(refused.value)


def test_plain_http_is_for_the_own_network() -> None:
    with pytest.raises(BatchInvalid, match="no https"):
        read_target("http://example.org/", allow_private=False)
    assert read_target("http://example.org/", allow_private=True).port == 80


@pytest.mark.parametrize(
    ("url", "authority", "pointed"),
    [
        ("https://example.org", "example.org", "https://[2606::1]:443/"),
        ("https://example.org:8443/a?b=1#c", "example.org:8443", "https://[2606::1]:8443/a?b=1"),
        ("https://Bücher.example/x", "xn--bcher-kva.example", "https://[2606::1]:443/x"),
        ("https://[2606::2]:8443/", "[2606::2]:8443", "https://[2606::1]:8443/"),
    ],
)
def test_the_name_stays_in_the_header_and_leaves_the_address(url: str, authority: str, pointed: str) -> None:
    target = read_target(url, allow_private=False)
    assert (target.authority, target.point_at("2606::1")) == (authority, pointed)


@pytest.mark.parametrize("second", ["127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "169.254.169.254"])
async def test_one_private_address_of_a_name_refuses_them_all(second: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["93.184.216.34", second]

    target = read_target("https://example.org", allow_private=False)
    with pytest.raises(BatchInvalid, match="private, local or reserved"):
        await find_addresses(target, allow_private=False, resolve=resolve)
    assert len(await find_addresses(target, allow_private=True, resolve=resolve)) == 2

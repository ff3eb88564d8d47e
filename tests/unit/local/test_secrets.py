"""Secrets from files."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from degradation_operator.local.secrets import MOST_BYTES, LocalSecrets
from degradation_operator.ports import SecretError, SecretKey


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def key(name: str = "redis", key: str = "password") -> SecretKey:
    return SecretKey("Secret", "shop", name, key)


@pytest.mark.parametrize(
    ("content", "read"),
    [(b"pass", b"pass"), (b"pass\n", b"pass"), (b"pass\n\n", b"pass\n"), (b" pass ", b" pass "), (b"", b"")],
)
async def test_the_newline_at_the_end_is_no_part_of_it(
    tmp_path: Path, disk: ThreadPoolExecutor, content: bytes, read: bytes
) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "password").write_bytes(content)
    assert await LocalSecrets(tmp_path, disk).read(key(), host="redis.shop.svc") == read


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        (key("none"), "there is no file none/password in --secrets-dir: write it"),
        (key(key="none"), "there is no file redis/none in --secrets-dir: write it"),
        (key(key="../redis/password"), "is no name of a file"),
        (key(key=".."), "there is no file|is no name of a file"),
        (key(key="large"), "larger than 1 MiB"),
    ],
)
async def test_what_is_missing_is_said_with_what_to_do(
    tmp_path: Path, disk: ThreadPoolExecutor, ref: SecretKey, words: str
) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "password").write_text("pass")
    (tmp_path / "redis" / "large").write_bytes(bytes(MOST_BYTES + 1))
    with pytest.raises(SecretError, match=words) as caught:
        await LocalSecrets(tmp_path, disk).read(ref, host="redis.shop.svc")
    assert caught.value.reason == "SecretMissing"


async def test_without_a_folder_the_flag_is_named(disk: ThreadPoolExecutor) -> None:
    with pytest.raises(SecretError, match=r"give --secrets-dir DIR with a file redis/password in it"):
        await LocalSecrets(None, disk).read(key(), host="redis.shop.svc")

"""Names and digests: the same on every machine, and never taken for more than they are."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.naming import fingerprint, is_digest, short

pytestmark = pytest.mark.unit

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(HEX)
def test_a_full_digest_is_a_digest_and_its_short_name_is_its_beginning(digits: str) -> None:
    assert is_digest(f"sha256:{digits}")
    assert short(f"sha256:{digits}") == digits[:12]


@given(HEX, st.integers(0, 63))
def test_a_digest_that_lacks_a_digit_is_none(digits: str, cut: int) -> None:
    assert not is_digest(f"sha256:{digits[:cut]}")


@pytest.mark.parametrize("suffix", ["\n", " ", "0", "\x00"])
def test_nothing_may_follow_a_digest_not_even_a_line_break(suffix: str) -> None:
    assert not is_digest("sha256:" + "a" * 64 + suffix)


@pytest.mark.parametrize("text", ["", "latest", "sha512:" + "a" * 64, "SHA256:" + "a" * 64, "sha256:" + "G" * 64])
def test_tags_other_algorithms_and_other_letters_are_no_digests(text: str) -> None:
    assert not is_digest(text)


@given(st.text(), st.integers(1, 64))
def test_a_fingerprint_is_hexadecimal_of_the_length_asked_for(text: str, length: int) -> None:
    name = fingerprint(text.encode("utf-8", "replace").decode(), length=length)
    assert len(name) == length
    assert set(name) <= set("0123456789abcdef")


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    code = "from components.naming import fingerprint; print(fingerprint('/a/checkout'))"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == fingerprint("/a/checkout")

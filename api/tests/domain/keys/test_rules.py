"""How a service key looks and how it is compared."""

import base64
import re

from app.domain.keys.rules import PREFIX_LENGTH, generate_secret, hash_secret, is_secret, lookup_prefix


class TestGenerateSecret:
    def test_has_256_random_bits_after_its_sign(self) -> None:
        secret = generate_secret()

        assert re.fullmatch(r"rsk_[A-Za-z0-9_-]{43}", secret)
        assert len(base64.urlsafe_b64decode(secret.removeprefix("rsk_") + "=")) == 32

    def test_is_never_the_same(self) -> None:
        assert len({generate_secret() for _ in range(1000)}) == 1000


class TestLookupPrefix:
    def test_shows_eight_characters_of_the_secret(self) -> None:
        secret = generate_secret()

        assert len(lookup_prefix(secret)) == PREFIX_LENGTH == 12
        assert secret.startswith(lookup_prefix(secret))


class TestIsSecret:
    def test_knows_its_own_hash(self) -> None:
        secret = generate_secret()

        assert is_secret(secret, hash_secret(secret))

    def test_knows_no_other(self) -> None:
        secret = generate_secret()
        stored = hash_secret(secret)

        for wrong in (
            secret[:-1],
            secret + "A",
            secret.swapcase(),
            lookup_prefix(secret),
            "",
            "rsk_",
            secret + "\x00",
            f" {secret}",
        ):
            assert not is_secret(wrong, stored)
        assert not is_secret(secret, b"")

    def test_stores_nothing_of_the_secret(self) -> None:
        secret = generate_secret()

        assert secret.encode() not in hash_secret(secret)
        assert len(hash_secret(secret)) == 32

"""Signatures of webhooks: the vector computed from the documented algorithm, and mutants of it, none of which may pass."""

import base64
import hashlib
import hmac
from itertools import islice

import pytest

from app.provider.signature import WINDOW_S, is_genuine
from tests.signatures import Message, mutants

SECRET = "whsec_0123456789abcdef0123456789abcdef"
BODY = b'{"id":"0f1e2d3c4b5a69788796a5b4c3d2e1f0","status":"completed"}'
SIGNED_AT = 1_767_225_600
HEADERS = {
    "webhook-id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "webhook-timestamp": str(SIGNED_AT),
    "webhook-signature": "v3,744b92fb44cc8ef59ec460d41e55937bc36bd5896d6a4d0510c438626f70899d",
}
GENUINE: Message = (HEADERS, BODY)
MUTANTS = 45_000


def passes(headers: dict[str, str], body: bytes, *, now_s: float = SIGNED_AT, secret: str = SECRET) -> bool:
    return is_genuine(secret, headers, body, now_s=now_s)


class TestIsGenuine:
    def test_takes_the_vector(self) -> None:
        assert passes(HEADERS, BODY)

    def test_takes_a_secret_without_its_prefix(self) -> None:
        assert passes(HEADERS, BODY, secret=SECRET.removeprefix("whsec_"))

    @pytest.mark.parametrize("off_s", [-WINDOW_S, -299.9, 0, 299.9, WINDOW_S])
    def test_takes_it_five_minutes_around_its_time(self, off_s: float) -> None:
        assert passes(HEADERS, BODY, now_s=SIGNED_AT + off_s)

    @pytest.mark.parametrize("off_s", [-600, -WINDOW_S - 0.1, WINDOW_S + 0.1, 600, 1e9])
    def test_refuses_it_later_and_earlier(self, off_s: float) -> None:
        assert not passes(HEADERS, BODY, now_s=SIGNED_AT + off_s)

    @pytest.mark.parametrize("name", HEADERS)
    def test_wants_each_header(self, name: str) -> None:
        assert not passes({key: value for key, value in HEADERS.items() if key != name}, BODY)
        assert not passes(HEADERS | {name: ""}, BODY)

    @pytest.mark.parametrize("secret", ["whsec_", "whsec_0123456789abcdef0123456789abcdeF", "0123456789abcdef", "x"])
    def test_refuses_another_secret(self, secret: str) -> None:
        assert not passes(HEADERS, BODY, secret=secret)

    @pytest.mark.parametrize(
        "timestamp", ["٢٠٢٦", "1767225600.0", "1e9", "-1767225600", "+1767225600", "0x6955", "1" * 400, "nan", "¹"]
    )
    def test_refuses_a_time_that_is_no_number(self, timestamp: str) -> None:
        assert not passes(HEADERS | {"webhook-timestamp": timestamp}, BODY)

    def test_refuses_the_schemes_of_others(self) -> None:
        message = f"{HEADERS['webhook-id']}.{SIGNED_AT}.".encode() + BODY
        raw_key, whole_key = SECRET.removeprefix("whsec_").encode(), SECRET.encode()
        decoded_key = base64.b64decode(raw_key)
        attempts = [
            "v1," + base64.b64encode(hmac.digest(decoded_key, message, "sha256")).decode(),
            "v3," + base64.b64encode(hmac.digest(raw_key, message, "sha256")).decode(),
            "v1," + hmac.digest(raw_key, message, "sha256").hex(),
            "v3," + hmac.digest(whole_key, message, "sha256").hex(),
            "v3," + hmac.digest(decoded_key, message, "sha256").hex(),
            "v3," + hmac.digest(raw_key, BODY, "sha256").hex(),
            "v3," + hmac.digest(b"", message, "sha256").hex(),
            "v3," + hashlib.sha256(raw_key + message).hexdigest(),
            hmac.digest(raw_key, message, "sha256").hex(),
        ]
        assert [each for each in attempts if passes(HEADERS | {"webhook-signature": each}, BODY)] == []


class TestMutants:
    def test_are_all_refused(self) -> None:
        accepted = [mutant for mutant in islice(mutants(20261102, GENUINE), MUTANTS) if passes(*mutant)]
        assert accepted == []

    def test_are_really_different(self) -> None:
        assert len({(tuple(sorted(headers.items())), body) for headers, body in islice(mutants(7, GENUINE), 2000)}) > 1500

"""The pure decisions about generations."""

import pytest

from app.domain.generations.rules import FAILURE_MESSAGES, FailureCode, check_reference_url, failure_of, line_max, refusal_delay_s

PUBLIC = [
    "https://pictures.example/1.png",
    "https://pictures.example",
    "https://pictures.example:8443/1.png?x=1&y=%20#z",
    "HTTPS://PICTURES.EXAMPLE/1.PNG",
    "https://sub.domain.pictures.example./1.png",
    "https://my_bucket.storage.example/1.png",
    "https://d1q70pf5vjeyhc.cloudfront.net/media/a/images/1.png",
    "https://xn--80aaxitdbjk.xn--p1ai/1.png",
    "https://дверь.рф/дверь.png",
    "https://8.8.8.8/1.png",
    "https://[2606:4700:4700::1111]/1.png",
    "https://pictures.example/@user:pass/1.png",
    "https://localhost.example/1.png",
    "https://127.example/1.png",
]
NO_HTTPS = [
    "http://pictures.example/1.png",
    "ftp://pictures.example/1.png",
    "file:///etc/passwd",
    "file://pictures.example/etc/passwd",
    "gopher://pictures.example/",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "//pictures.example/1.png",
    "pictures.example/1.png",
    "https:pictures.example/1.png",
    "https:/pictures.example/1.png",
    "https://",
    "https:///1.png",
    "https://:443/1.png",
    "https://?x",
    "",
]
CREDENTIALS = [
    "https://user:password@pictures.example/",
    "https://user@pictures.example/",
    "https://@pictures.example/",
    "https://:@pictures.example/",
    "https://pictures.example@127.0.0.1/",
    "https://pictures.example\\@127.0.0.1/",
]
OWN_NETWORK = [
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://sub.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://intranet/",
    "https://127.0.0.1/",
    "https://127.255.255.254/",
    "https://0.0.0.0/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://192.0.2.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
]
IPV6 = [
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fec0::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://[::1",
    "https://[pictures.example]/",
]
DISGUISES = [
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://127.0.0.1./",
    "https://127.0.0.%31/",
    "https://%6c%6f%63alhost/",
    "https://x.localhos%74/",
    "https://169.254.169.254\\.pictures.example/",
    "https://１２７.0.0.1/",  # noqa: RUF001
    "https://127。0。0。1/",
    "https://x.ｌｏｃａｌｈｏｓｔ/",  # noqa: RUF001
    "https://①②⑦.⓪.⓪.①/",
]
BROKEN = [
    " https://pictures.example/",
    "https://pictures.example/ ",
    "https://pictures.example /",
    "https://pictures\t.example/",
    "https://pictures.example\n/",
    "https://pictures.example/\r\nX: y",
    "https://pictures.example/\x00",
    "https://pictures..example/",
    "https://.pictures.example/",
    "https://pictures.example:99999/",
    "https://pictures.example:0/",
    "https://pictures.example:x/",
    "https://" + "a" * 64 + ".example/",
    "https://pict<ures>.example/",
]


class TestCheckReferenceUrl:
    @pytest.mark.parametrize("url", PUBLIC)
    def test_takes_public_https(self, url: str) -> None:
        check_reference_url(url, is_local_allowed=False)

    @pytest.mark.parametrize("url", NO_HTTPS)
    def test_refuses_what_is_no_https(self, url: str) -> None:
        with pytest.raises(ValueError, match="must"):
            check_reference_url(url, is_local_allowed=False)

    @pytest.mark.parametrize("url", CREDENTIALS)
    def test_refuses_credentials(self, url: str) -> None:
        with pytest.raises(ValueError, match="must"):
            check_reference_url(url, is_local_allowed=False)

    @pytest.mark.parametrize("url", [*OWN_NETWORK, *IPV6, *DISGUISES])
    def test_refuses_what_is_not_public(self, url: str) -> None:
        for is_local_allowed in (False, True):
            with pytest.raises(ValueError, match=r"\w"):
                check_reference_url(url, is_local_allowed=is_local_allowed)

    @pytest.mark.parametrize("url", BROKEN)
    def test_refuses_what_two_readers_may_read_differently(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            check_reference_url(url, is_local_allowed=False)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9000/media/1.png", "http://localhost/1.png", "http://[::1]:9000/1.png"])
    def test_takes_loopback_only_for_a_provider_on_this_machine(self, url: str) -> None:
        check_reference_url(url, is_local_allowed=True)
        with pytest.raises(ValueError, match="https"):
            check_reference_url(url, is_local_allowed=False)

    @pytest.mark.parametrize("url", ["http://10.0.0.1/1.png", "http://pictures.example/1.png", "http://user@127.0.0.1/1.png"])
    def test_takes_no_other_http_for_a_provider_on_this_machine(self, url: str) -> None:
        with pytest.raises(ValueError, match="must"):
            check_reference_url(url, is_local_allowed=True)


class TestFailureOf:
    @pytest.mark.parametrize(
        ("task_code", "failure"),
        [
            (1200, "content_refused"),
            (1400, "invalid_input"),
            (1401, "invalid_input"),
            (1402, "reference_unreadable"),
            (5004, "provider_timeout"),
            (1403, "provider_failed"),
            (1405, "provider_failed"),
            (1407, "provider_failed"),
            (5000, "provider_failed"),
            (5003, "provider_failed"),
            (0, "provider_failed"),
            (-1, "provider_failed"),
            (None, "provider_failed"),
        ],
    )
    def test_names_what_the_customer_can_do(self, task_code: int | None, failure: str) -> None:
        assert failure_of(task_code) == failure

    def test_has_words_for_every_code(self) -> None:
        assert set(FAILURE_MESSAGES) == set(FailureCode)


class TestRefusalDelay:
    def test_doubles_up_to_a_minute(self) -> None:
        assert [refusal_delay_s(n, None) for n in range(1, 10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    def test_is_as_long_as_the_provider_asks(self) -> None:
        assert refusal_delay_s(1, 30.0) == 30.0
        assert refusal_delay_s(9, 90.0) == 90.0

    def test_is_never_shorter_than_ours(self) -> None:
        assert refusal_delay_s(4, 0.0) == refusal_delay_s(4, -5.0) == 8.0

    def test_stays_small_after_any_number_of_refusals(self) -> None:
        assert refusal_delay_s(10_000, None) == 60


class TestLineMax:
    @pytest.mark.parametrize(
        ("task_s", "most"),
        [
            (None, 10_000),  # nobody knows yet
            (20.0, 4_300),  # 45 rounds in 900 s, two of them for who is there already and for itself
            (0.5, 10_000),
            (300.0, 100),
            (2_000.0, 100),  # none could be made in time; every slot may have one waiting all the same
        ],
    )
    def test_is_what_can_be_made_before_the_deadline(self, task_s: float | None, most: int) -> None:
        assert line_max(queue_max=10_000, slots=100, deadline_s=900, task_s=task_s) == most

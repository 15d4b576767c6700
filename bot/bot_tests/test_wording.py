"""Captions and states fit into what Telegram takes, counted as Telegram counts."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.api.errors import ApiAwayError, ApiRefusalError
from bot.api.wire import Generation
from bot.translation import LANGUAGES, translator
from bot.wording import CAPTION_MAX, caption, failure, hashtag, refusal, shortened, shown_length, status, telegram_length

BEGUN = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_generation(**more: Any) -> Generation:
    values: dict[str, Any] = {
        "id": 7,
        "model_id": 1,
        "model_key": "seedream-v4",
        "prompt": "a red door in Bukhara",
        "status": "completed",
        "size": None,
        "aspect_ratio": None,
        "resolution": None,
        "input_params": {},
        "references_count": 0,
        "cost": 1,
        "trial_used": False,
        "client_context": {"chat_id": 1001, "message_id": 5},
        "queue_position": None,
        "error_code": None,
        "created_at": BEGUN,
        "started_at": BEGUN,
        "completed_at": BEGUN + timedelta(seconds=12),
    }
    return Generation.model_validate(values | more)


class TestCaption:
    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("prompt", ["x" * 4000, "<&>" * 1300, "🎨" * 2000, "Ўзбекча " * 500])
    def test_fits_however_long_the_prompt_is(self, language: str, prompt: str) -> None:
        written = caption(translator(language), a_generation(prompt=prompt))
        assert CAPTION_MAX - 5 <= shown_length(written) <= CAPTION_MAX

    def test_carries_model_prompt_time_and_price(self) -> None:
        expected = "#seedream_v4\n<blockquote expandable>a &lt;b&gt;</blockquote>\n⏱ 12 s · 1 credit"
        assert caption(translator("en"), a_generation(prompt="a <b>")) == expected

    def test_says_that_a_trial_was_free(self) -> None:
        assert caption(translator("en"), a_generation(trial_used=True)).endswith("free")


class TestShortened:
    def test_never_cuts_a_character_in_two(self) -> None:
        assert shortened("🎨🎨🎨", 4) == "🎨…"

    def test_leaves_what_fits(self) -> None:
        assert shortened("🎨🎨", 4) == "🎨🎨"

    def test_counts_as_telegram_does(self) -> None:
        assert telegram_length("a🎨") == 3
        assert shown_length("<b>a&amp;b</b>") == 3


class TestStatus:
    @pytest.mark.parametrize("state", ["queued", "running", "completed", "failed", "cancelled"])
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_shows_the_prompt_in_every_state(self, language: str, state: str) -> None:
        assert "a red door" in status(translator(language), a_generation(status=state))

    def test_tells_the_place_in_line(self) -> None:
        assert "place 3" in status(translator("en"), a_generation(status="queued", queue_position=3))


class TestFailure:
    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("code", ["content_refused", "deadline_exceeded", "something_new", None])
    def test_says_that_nothing_was_charged(self, language: str, code: str | None) -> None:
        unpaid = {"uz": "Kredit yechilmadi", "ru": "Кредиты не списаны", "en": "No credit was charged"}[language]
        assert unpaid in failure(translator(language), a_generation(status="failed", error_code=code))


class TestRefusal:
    def test_names_the_numbers_of_its_error(self) -> None:
        error = ApiRefusalError(402, "insufficient_credits", {"balance": 2, "required": 5})
        assert "it takes 5, you have 2" in refusal(translator("en"), error, "tg-1")

    def test_tells_the_request_id_when_it_has_no_words(self) -> None:
        assert "tg-1" in refusal(translator("en"), ApiRefusalError(500, "internal_error", {}), "tg-1")

    def test_rounds_a_wait_to_minutes(self) -> None:
        error = ApiRefusalError(503, "provider_unavailable", {}, retry_after_s=130)
        assert "in 2 minutes" in refusal(translator("en"), error, "tg-1")

    def test_knows_an_api_that_is_away(self) -> None:
        assert "did not answer" in refusal(translator("en"), ApiAwayError("x"), "tg-1")


class TestHashtag:
    @pytest.mark.parametrize("key", ["seedream-v4", "nano-banana-pro", "flux.1-dev"])
    def test_is_one_word(self, key: str) -> None:
        assert re.fullmatch(r"#\w+", hashtag(key))

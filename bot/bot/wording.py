"""Sentences put together from the texts: captions, states, reasons. Pure; lengths are counted as Telegram counts them."""

import html
import re

from bot.api.admin_wire import Broadcast
from bot.api.errors import ApiError, ApiRefusalError
from bot.api.wire import Generation
from bot.translation import Translator

CAPTION_MAX = 1024
MESSAGE_MAX = 4096
ALERT_MAX = 200
PROMPT_SHOWN_MAX = 300

_TAG = re.compile(r"<[^>]+>")


def telegram_length(text: str) -> int:
    """UTF-16 code units, which is how Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def shown_length(written: str) -> int:
    """The length of a text in HTML after its markup was read."""
    return telegram_length(html.unescape(_TAG.sub("", written)))


def shortened(text: str, length_max: int) -> str:
    """The beginning of a text that is too long, with an ellipsis; never half a character."""
    if telegram_length(text) <= length_max:
        return text
    units = text.encode("utf-16-le")[: 2 * (length_max - 1)]
    return units.decode("utf-16-le", errors="ignore").rstrip() + "…"


def hashtag(model_key: str) -> str:
    """A model's key as a hashtag."""
    return "#" + re.sub(r"\W", "_", model_key)


def caption(t: Translator, generation: Generation) -> str:
    """Under a picture: model, prompt, time, price; the prompt gives way when it is too long."""

    def written(prompt: str) -> str:
        return t(
            "picture-caption",
            hashtag=hashtag(generation.model_key),
            prompt=prompt,
            seconds=generation.took_s,
            price=price(t, generation),
        )

    without = shown_length(written(""))
    return written(shortened(generation.prompt, CAPTION_MAX - without))


def price(t: Translator, generation: Generation) -> str:
    """What a generation cost."""
    return t.plain("price-free") if generation.trial_used else t.plain("price-credits", credits=generation.cost)


def status(t: Translator, generation: Generation) -> str:
    """The one message of a generation, as it stands."""
    prompt = shortened(generation.prompt, PROMPT_SHOWN_MAX)
    if generation.status == "queued":
        place = generation.queue_position
        return t("status-queued", prompt=prompt, position=place) if place else t("status-waiting", prompt=prompt)
    if generation.status == "completed":
        return t("status-completed", prompt=prompt, seconds=generation.took_s)
    return t(f"status-{generation.status}", prompt=prompt)


def failure(t: Translator, generation: Generation) -> str:
    """Why there is no picture, and that nothing was charged."""
    name = f"failure-{(generation.error_code or 'unknown').replace('_', '-')}"
    return t("failure", reason=t.plain(name if t.has(name) else "failure-unknown"))


def refusal(t: Translator, error: ApiError, request_id: str) -> str:
    """Why the API did not do it, in plain words without markup."""
    if not isinstance(error, ApiRefusalError):
        return t.plain("error-away")
    name = f"error-{error.code.replace('_', '-')}"
    if not t.has(name):
        return t.plain("error-unknown", request_id=request_id)
    minutes = max(1, round((error.retry_after_s or 60) / 60))
    members = error.members
    return t.plain(name, minutes=minutes, price=int(members.get("price", 0)), required=int(members.get("required", 0)),
                   balance=int(members.get("balance", 0)))  # fmt: skip


def progress(t: Translator, broadcast: Broadcast) -> str:
    """How far a broadcast is."""
    return t(
        f"broadcast-{broadcast.state}",
        total=broadcast.total,
        told=broadcast.sent + broadcast.failed + broadcast.blocked,
        sent=broadcast.sent,
        failed=broadcast.failed,
        blocked=broadcast.blocked,
    )

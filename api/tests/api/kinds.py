"""What clients know of the answers: each value's kind."""

import re
from types import NoneType
from typing import Any

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PUBLIC_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NUMBER = (int, float)
TEXT_OR_NONE = (str, NoneType)
NUMBER_OR_NONE = (int, NoneType)

# What a value is: a type or some of them, a pattern for a text, a dict for an object, a list of one for a list of those.
Kind = Any

GENERATION: Kind = {
    **dict.fromkeys(("id", "user_id", "model_id", "references_count", "cost"), int),
    **dict.fromkeys(("model_key", "prompt", "status"), str),
    **dict.fromkeys(("size", "aspect_ratio", "resolution", "error_code", "error_message"), TEXT_OR_NONE),
    "public_id": PUBLIC_ID,
    "style": NoneType,
    "input_params": {"reference_urls": list, "reference_file_ids": list},
    "trial_used": bool,
    "client_context": (dict, NoneType),
    "queue_position": NUMBER_OR_NONE,
    "created_at": TIME,
    "updated_at": TIME,
    "started_at": TEXT_OR_NONE,
    "completed_at": TEXT_OR_NONE,
}
PERSON: Kind = {"user_id": int, "telegram_id": int}
CHECK: Kind = {"ok": bool, "latency_ms": NUMBER}
SERVICE: Kind = {"name": str, "version": str, "environment": str}
MODEL: Kind = {
    "model": {
        **dict.fromkeys(("key", "name", "provider"), str),
        **dict.fromkeys(("supports_text_to_image", "supports_image_to_image", "supports_reference"), bool),
        **dict.fromkeys(("supports_aspect_ratio", "supports_style", "is_active"), bool),
        "id": int,
        "created_at": TIME,
        "options": {
            **dict.fromkeys(("supports_size", "supports_aspect_ratio", "supports_resolution"), bool),
            **dict.fromkeys(("size_options", "aspect_ratio_options", "resolution_options"), list),
            "max_reference_images": int,
        },
    },
    "prices": [{"id": int, "model_id": int, "currency": str, "unit_price": int, "is_active": bool, "created_at": TIME}],
}
ENTRY: Kind = {
    **dict.fromkeys(("id", "amount", "balance_after"), int),
    "entry_type": str,
    "reference_id": TEXT_OR_NONE,
    "description": TEXT_OR_NONE,
    "created_at": TIME,
}
ADMIN_USER: Kind = {
    **dict.fromkeys(("id", "telegram_id", "balance", "held", "generations_total"), int),
    **dict.fromkeys(("username", "first_name", "last_name", "language_code", "banned_at", "ban_reason"), TEXT_OR_NONE),
    "created_at": TIME,
    "trial_used": bool,
    "last_generation_at": TEXT_OR_NONE,
}
BROADCAST: Kind = {
    **dict.fromkeys(("total", "sent", "failed", "blocked"), int),
    "id": PUBLIC_ID,
    "text": str,
    "language_code": TEXT_OR_NONE,
    "state": str,
    "created_at": TIME,
}
PREFERENCES: Kind = {
    **dict.fromkeys(("language", "size", "aspect_ratio", "resolution"), TEXT_OR_NONE),
    "model_id": NUMBER_OR_NONE,
}
CURSOR: Kind = {"name": str, "last_event_id": int}
TOTALS: Kind = {
    **dict.fromkeys(("new_users", "generations_submitted", "completed", "failed", "cancelled", "active_now"), int),
    **dict.fromkeys(("credits_captured", "credits_granted", "credits_sold", "stars_received"), int),
    "day": re.compile(r"\d{4}-\d\d-\d\d"),
}
PACKAGE: Kind = {
    **dict.fromkeys(("id", "credits", "price_stars"), int),
    **dict.fromkeys(("key", "currency"), str),
    "is_active": bool,
}
ORDER: Kind = {
    **dict.fromkeys(("telegram_id", "package_id", "credits", "price_stars"), int),
    **dict.fromkeys(("package_key", "currency", "status"), str),
    "id": PUBLIC_ID,
    "expires_at": TIME,
    "created_at": TIME,
}
PAID: Kind = {"order": ORDER | {"paid_at": TIME}, "balance": int, "is_new": bool}

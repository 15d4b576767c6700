"""What the simulator is started with."""

import re
from dataclasses import dataclass
from pathlib import Path

REQUEST_LOG_MAX = 20_000
_TOKEN = re.compile(r"\d{1,15}:[A-Za-z0-9_-]{3,64}")


def is_token(text: str) -> bool:
    """Say whether the text has the shape of a bot token: the bot's id, a colon and its secret."""
    return _TOKEN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """What a simulator is started with. The number before the token's colon is the bot's Telegram id."""

    token: str
    host: str = "127.0.0.1"
    port: int = 0
    username: str = "rassom_bot"
    name: str = "Rassom"
    state_dir: Path | None = None
    log_level: str = "warning"
    request_log_max: int = REQUEST_LOG_MAX
    callback_ttl_s: float = 15.0
    pre_checkout_ttl_s: float = 10.0
    webhook_retry_s: float = 1.0
    webhook_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        if not is_token(self.token):
            raise ValueError("a bot token is its id, a colon and a secret, as 123456:ABC-def")

    @property
    def bot_id(self) -> int:
        """The bot's Telegram id."""
        return int(self.token.partition(":")[0])

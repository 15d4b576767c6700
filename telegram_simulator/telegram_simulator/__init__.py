"""A Telegram to test bots against: the Bot API over real HTTP, and people who write, tap and pay on request."""

"""What an operator is being asked for."""

from aiogram.fsm.state import State, StatesGroup


class Asked(StatesGroup):
    """The next words are this."""

    who = State()
    amount = State()
    grant_reason = State()
    ban_reason = State()
    broadcast_text = State()

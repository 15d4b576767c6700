"""Where a conversation about a picture stands."""

from aiogram.fsm.state import State, StatesGroup


class Making(StatesGroup):
    """Pictures are there, and the words are awaited."""

    collecting = State()

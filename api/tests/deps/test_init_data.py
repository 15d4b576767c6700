"""Init data: what Telegram signed an hour ago at most is believed, and nothing else is."""

import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from app.deps.init_data import MAX_AGE, InitDataRefusedError, read_telegram_id
from tests.credentials import BOT_TOKEN, OTHER_BOT_TOKEN, init_data, init_data_fields, sign

NOW = datetime.now(UTC)
SOMEBODY = 424_242
MUTANTS = 48_000


def signed(fields: dict[str, str] | list[tuple[str, str]], token: str = BOT_TOKEN) -> str:
    pairs = list(fields.items()) if isinstance(fields, dict) else fields
    return urlencode([*pairs, ("hash", sign(pairs, token))])


def is_refused(data: str, *, now: datetime | None = None) -> bool:
    try:
        read_telegram_id(data, BOT_TOKEN, now=now or datetime.now(UTC))
    except InitDataRefusedError:
        return True
    return False


class TestRead:
    def test_tells_who_opened_the_mini_app(self) -> None:
        assert read_telegram_id(init_data(SOMEBODY), BOT_TOKEN, now=datetime.now(UTC)) == SOMEBODY

    def test_takes_fields_that_nobody_knows_yet(self) -> None:
        assert not is_refused(init_data(SOMEBODY, brand_new="1", auth_date_2="x"))

    def test_takes_any_order_of_fields(self) -> None:
        pairs = parse_qsl(init_data(SOMEBODY))
        assert not any(is_refused(urlencode(order)) for order in itertools.permutations(pairs))

    def test_takes_init_data_of_an_hour_and_not_of_a_second_more(self) -> None:
        data = signed(init_data_fields(SOMEBODY, auth_date=str(int(NOW.timestamp()))))
        made_at = NOW.replace(microsecond=0)
        assert not is_refused(data, now=made_at)
        assert not is_refused(data, now=made_at + MAX_AGE)
        assert is_refused(data, now=made_at + MAX_AGE + timedelta(microseconds=1))
        assert is_refused(data, now=made_at - timedelta(microseconds=1))


class TestRefusal:
    @pytest.mark.case(17)
    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(init_data(SOMEBODY, age_s=7200), id="two hours old"),
            pytest.param(init_data(SOMEBODY, age_s=-86_400), id="from the future"),
            pytest.param(init_data(SOMEBODY, token=OTHER_BOT_TOKEN), id="of another bot"),
            pytest.param(init_data(SOMEBODY) + "&" + urlencode({"user": '{"id":1,"first_name":"B"}'}), id="doubled user"),
            pytest.param(urlencode({"user": '{"id":1,"first_name":"B"}'}) + "&" + init_data(SOMEBODY), id="doubled user before"),
            pytest.param(init_data(SOMEBODY) + "&hash=" + "0" * 64, id="doubled hash"),
            pytest.param("hash=" + "0" * 64 + "&" + init_data(SOMEBODY), id="doubled hash before"),
            pytest.param(init_data(SOMEBODY) + "&u%73er=x", id="doubled name in another spelling"),
            pytest.param(
                signed([*init_data_fields(SOMEBODY).items(), ("start_param", "a"), ("start_param", "a")]), id="signed twice"
            ),
            pytest.param(init_data(SOMEBODY, age_s=-(2**40)), id="a year that dates cannot hold"),
            pytest.param(signed(init_data_fields(SOMEBODY, auth_date="253402300799")), id="the last second of 9999"),
            pytest.param(signed(init_data_fields(SOMEBODY, auth_date="-1")), id="negative date"),
            pytest.param(signed(init_data_fields(SOMEBODY, auth_date="")), id="empty date"),
            pytest.param(signed(init_data_fields(SOMEBODY, user="null")), id="null user"),
            pytest.param(signed(init_data_fields(SOMEBODY, user='{"id":"7","first_name":"x"}')), id="id is text"),
            pytest.param(signed(init_data_fields(SOMEBODY, user='{"id":true,"first_name":"x"}')), id="id is true"),
            pytest.param(signed(init_data_fields(SOMEBODY, user='{"id":7.0,"first_name":"x"}')), id="id is a fraction"),
            pytest.param(signed(init_data_fields(-5)), id="negative id"),
            pytest.param(signed(init_data_fields(0)), id="id zero"),
            pytest.param(signed(init_data_fields(2**52)), id="id of 53 bits"),
            pytest.param(signed(init_data_fields(SOMEBODY, user='{"id":7,"first_name":"x","is_bot":true}')), id="a bot"),
            pytest.param(signed(init_data_fields(SOMEBODY, user="[" * 1300)), id="user is a JSON bomb"),
            pytest.param(
                signed(init_data_fields(SOMEBODY, user='{"id":' + "9" * 1300 + ',"first_name":"x"}')), id="endless number"
            ),
            pytest.param(signed({"auth_date": init_data_fields(1)["auth_date"], "query_id": "x"}), id="no user at all"),
            pytest.param("", id="empty"),
            pytest.param("hash=" + "0" * 64, id="hash alone"),
            pytest.param(init_data(SOMEBODY).partition("&hash")[0], id="no hash"),
            pytest.param("&" * 4096, id="separators"),
            pytest.param("a=" * 2000, id="equals signs"),
            pytest.param(init_data(SOMEBODY, padding="x" * 4096), id="longer than anything Telegram sends"),
            pytest.param(init_data(SOMEBODY) + "\u00e9", id="not encoded"),
        ],
    )
    def test_of(self, data: str) -> None:
        assert is_refused(data)

    def test_of_one_field_passed_for_two(self) -> None:
        """Line feeds join what is signed: the same text can be cut into other fields."""
        fields = init_data_fields(SOMEBODY)
        whole = sign(fields.items())
        two = f"{fields['query_id']}\nsignature={fields['signature']}"
        glued = {"auth_date": fields["auth_date"], "query_id": two, "user": fields["user"]}
        assert sign(glued.items()) == whole
        assert is_refused(urlencode({**glued, "hash": whole}))

    def test_of_a_name_with_a_sign_in_it(self) -> None:
        fields = init_data_fields(SOMEBODY, start_param="a=b")
        moved = {**{name: value for name, value in fields.items() if name != "start_param"}, "start_param=a": "b"}
        assert sign(moved.items()) == sign(fields.items())
        assert is_refused(urlencode({**moved, "hash": sign(fields.items())}))

    def test_of_a_hash_in_capitals(self) -> None:
        fields = init_data_fields(SOMEBODY)
        assert is_refused(urlencode({**fields, "hash": sign(fields.items()).upper()}))

    def test_of_a_hash_made_with_the_token_as_it_is(self) -> None:
        fields = init_data_fields(SOMEBODY)
        assert is_refused(urlencode({**fields, "hash": sign(fields.items(), "")}))


Mutation = Callable[[random.Random, str], str]


def flip_a_character(dice: random.Random, data: str) -> str:
    at = dice.randrange(len(data))
    return data[:at] + chr(dice.randrange(33, 127)) + data[at + 1 :]


def drop_a_character(dice: random.Random, data: str) -> str:
    at = dice.randrange(len(data))
    return data[:at] + data[at + 1 :]


def add_a_character(dice: random.Random, data: str) -> str:
    at = dice.randrange(len(data) + 1)
    return data[:at] + chr(dice.randrange(33, 127)) + data[at:]


def swap_two_characters(dice: random.Random, data: str) -> str:
    one, other = sorted(dice.sample(range(len(data)), 2))
    return data[:one] + data[other] + data[one + 1 : other] + data[one] + data[other + 1 :]


def cut_off(dice: random.Random, data: str) -> str:
    return data[: dice.randrange(len(data))]


def drop_a_field(dice: random.Random, data: str) -> str:
    pairs = data.split("&")
    pairs.pop(dice.randrange(len(pairs)))
    return "&".join(pairs)


def double_a_field(dice: random.Random, data: str) -> str:
    pairs = data.split("&")
    pairs.insert(dice.randrange(len(pairs) + 1), dice.choice(pairs))
    return "&".join(pairs)


def become_somebody_else(dice: random.Random, data: str) -> str:
    user = json.dumps({"id": dice.randrange(1, 2**52), "first_name": "B"})
    return "&".join(f"user={quote(user)}" if pair.startswith("user=") else pair for pair in data.split("&"))


def become_younger(dice: random.Random, data: str) -> str:
    step = dice.choice([-5, -1, 1, 60, 3600])
    return re.sub(r"(?<=auth_date=)[0-9]+", lambda date: str(int(date[0]) + step), data)


def take_anothers_hash(dice: random.Random, data: str) -> str:
    return f"{data.partition('&hash=')[0]}&hash={init_data(dice.randrange(1, 2**52)).rpartition('=')[2]}"


def guess_a_hash(dice: random.Random, data: str) -> str:
    return f"{data.partition('&hash=')[0]}&hash={dice.randbytes(32).hex()}"


def add_a_field(dice: random.Random, data: str) -> str:
    return f"{dice.choice(['chat', 'start_param', 'can_send_after', 'telegram_id'])}={dice.randrange(10**6)}&{data}"


MUTATIONS: tuple[Mutation, ...] = (
    flip_a_character,
    drop_a_character,
    add_a_character,
    swap_two_characters,
    cut_off,
    drop_a_field,
    double_a_field,
    become_somebody_else,
    become_younger,
    take_anothers_hash,
    guess_a_hash,
    add_a_field,
)


def mutants(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """The original and something that says something else: another spelling of the same fields is none."""
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    made = 0
    while made < count:
        data = init_data(dice.randrange(1, 2**52), start_param=dice.choice(["", "ref-7"]))
        mutant = data
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            mutant = dice.choice(MUTATIONS)(dice, mutant) if mutant else mutant
        if sorted(parse_qsl(mutant, keep_blank_values=True)) != sorted(parse_qsl(data, keep_blank_values=True)):
            made += 1
            yield data, mutant


class TestMutants:
    @pytest.mark.parametrize("seed", range(8))
    def test_are_all_refused(self, seed: int) -> None:
        accepted = [mutant for _, mutant in mutants(seed, MUTANTS // 8) if not is_refused(mutant)]
        assert accepted == []

    def test_are_made_of_data_that_is_taken(self) -> None:
        assert not any(is_refused(data) for data, _ in mutants(99, 200))

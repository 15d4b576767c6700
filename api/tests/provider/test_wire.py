"""The provider's JSON: what we write, and what we make of whatever comes back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model_options import MODEL_OPTIONS
from app.provider.wire import TaskState, build_order, is_ok, read_envelope, read_task

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
PICTURES = ("https://pictures.example/b.png", "https://pictures.example/a.png")


def build(model_key: str, **asked: Any) -> tuple[str, dict[str, Any]]:
    nothing: dict[str, Any] = {"size": None, "aspect_ratio": None, "resolution": None, "reference_urls": (), "is_sync": False}
    order = build_order(MODEL_OPTIONS[model_key], prompt="a door", **(nothing | asked))
    return order.path, dict(order.body)


class TestBuildOrder:
    @pytest.mark.parametrize(
        ("model_key", "text_path", "edit_path"),
        [
            ("seedream-v4", "bytedance/seedream-v4", "bytedance/seedream-v4/edit"),
            ("nano-banana", "google/nano-banana/text-to-image", "google/nano-banana/edit"),
            ("nano-banana-pro", "google/nano-banana-pro/text-to-image", "google/nano-banana-pro/edit"),
        ],
    )
    def test_goes_where_the_model_is_served(self, model_key: str, text_path: str, edit_path: str) -> None:
        assert build(model_key) == (text_path, {"prompt": "a door"})
        assert build(model_key, reference_urls=PICTURES) == (edit_path, {"prompt": "a door", "images": list(PICTURES)})

    def test_asks_to_hold_the_line_in_sync_mode(self) -> None:
        assert build("seedream-v4", is_sync=True)[1] == {"prompt": "a door", "enable_sync_mode": True}

    def test_says_only_what_was_asked(self) -> None:
        assert build("nano-banana-pro", resolution="4k")[1] == {"prompt": "a door", "resolution": "4k"}
        assert build("seedream-v4", size="1024*1024")[1] == {"prompt": "a door", "size": "1024*1024"}


class TestReadEnvelope:
    def test_takes_the_documented_one(self) -> None:
        assert read_envelope({"code": 200, "message": "success", "data": {"id": "x"}}) == (200, "success", {"id": "x"})

    def test_takes_one_without_data_and_with_error_for_message(self) -> None:
        assert read_envelope({"code": 400, "error": "no"}) == (400, "no", None)
        assert read_envelope({"code": 404}) == (404, "", None)

    @pytest.mark.parametrize("wrong", [None, [], "text", 7, {}, {"code": "200"}, {"code": None}, {"data": {}}])
    def test_refuses_what_is_none(self, wrong: object) -> None:
        with pytest.raises(ValueError, match="envelope"):
            read_envelope(wrong)

    def test_calls_only_200_a_success(self) -> None:
        assert [code for code in (0, 199, 200, 201, 400, 500) if is_ok(code)] == [200]


class TestReadTask:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("created", TaskState.PENDING),
            ("processing", TaskState.PENDING),
            ("completed", TaskState.COMPLETED),
            ("failed", TaskState.FAILED),
            ("cancelled", TaskState.FAILED),
            ("timeout", TaskState.FAILED),
            ("deleted", TaskState.FAILED),
            ("queued", TaskState.PENDING),
            ("COMPLETED", TaskState.PENDING),
            ("", TaskState.PENDING),
            (None, TaskState.PENDING),
            (7, TaskState.PENDING),
        ],
    )
    def test_takes_an_unknown_status_for_still_working(self, status: object, state: TaskState) -> None:
        assert read_task({"id": "x", "status": status}).state is state

    @pytest.mark.parametrize(
        ("outputs", "urls"),
        [
            (["b", "a"], ("b", "a")),
            ([], ()),
            (None, ()),
            ("https://pictures.example/1.png", ()),
            ({"0": "a"}, ()),
            ([{"url": "a"}, None, 7, "", "a"], ("a",)),
        ],
    )
    def test_takes_only_texts_for_pictures(self, outputs: object, urls: tuple[str, ...]) -> None:
        assert read_task({"id": "x", "status": "completed", "outputs": outputs}).outputs == urls

    def test_takes_missing_fields_for_empty_ones(self) -> None:
        task = read_task({"id": "x"})

        assert (task.status, task.outputs, task.code, task.error) == ("", (), None, "")

    @pytest.mark.parametrize(("code", "read"), [(1200, 1200), (0, 0), ("1200", None), (None, None), (1.5, None)])
    def test_takes_only_a_number_for_the_code(self, code: object, read: int | None) -> None:
        assert read_task({"id": "x", "code": code}).code == read

    @pytest.mark.parametrize("wrong", [None, [], "x", {}, {"id": ""}, {"id": None}, {"id": 7}, {"ID": "x"}])
    def test_refuses_what_has_no_id(self, wrong: object) -> None:
        with pytest.raises(ValueError, match="id"):
            read_task(wrong)

    @given(JSON)
    def test_never_fails_in_another_way(self, anything: object) -> None:
        for read in (read_envelope, read_task):
            try:
                read(anything)
            except ValueError:
                continue

    @given(st.dictionaries(st.sampled_from(["status", "outputs", "code", "error", "urls"]), JSON))
    def test_reads_whatever_stands_beside_an_id(self, beside: dict[str, Any]) -> None:
        assert read_task({**beside, "id": "x"}).id == "x"

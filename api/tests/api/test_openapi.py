"""The schema says what the API does: every operation with its errors as problems, words and examples."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from app.api.problems import problems
from app.core.config import Settings
from app.domain.users.errors import UserNotFoundError
from app.main import UNLIMITED_PATHS, create_app
from tests.factories import NO_TLS, Shop, an_order

PROBLEM = "application/problem+json"
SCHEMA = create_app(Settings(_env_file=None, log_level="error")).openapi()
OPERATIONS = {f"{method.upper()} {path}": each for path, methods in SCHEMA["paths"].items() for method, each in methods.items()}
OPEN = {"GET /", *(f"GET /api/v1/{name}" for name in ("health", "ready", "info", "models", "sizes", "payments/packages"))}
SIGNED = {"POST /api/v1/webhooks/wavespeed/{token}"}


def is_limited(name: str) -> bool:
    path = name.split(" ")[1]
    return not any(path == root or path.startswith(f"{root}/") for root in UNLIMITED_PATHS)


def expected_codes(name: str, operation: dict[str, Any]) -> dict[str, str]:
    """What every operation of its kind can answer."""
    codes = {"internal_error": "500"}
    if name != "GET /api/v1/ready":
        codes["service_unavailable"] = "503"
    if name not in OPEN | SIGNED:
        codes |= {"unauthorized": "401", "forbidden": "403"}
    if is_limited(name):
        codes["rate_limited"] = "429"
    if "parameters" in operation or "requestBody" in operation:
        codes["validation_error"] = "422"
    if "requestBody" in operation:
        codes |= {"payload_too_large": "413", "request_timeout": "408"}
    return codes


def told_codes(operation: dict[str, Any]) -> dict[str, str]:
    return {
        code: status
        for status, response in operation["responses"].items()
        for code in response.get("content", {}).get(PROBLEM, {}).get("examples", {})
    }


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from nodes(each)


def sent_fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """What a client can send: each schema of each field of a body, by `Body.field`."""
    for name, schema in SCHEMA["components"]["schemas"].items():
        if schema.get("additionalProperties") is False:
            for field, value in schema["properties"].items():
                for node in nodes(value):
                    yield f"{name}.{field}", node


@pytest.mark.parametrize("name", OPERATIONS)
class TestOperations:
    def test_have_words_and_a_tag(self, name: str) -> None:
        operation = OPERATIONS[name]
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]

    def test_list_their_errors_as_problems(self, name: str) -> None:
        operation = OPERATIONS[name]
        told = told_codes(operation)
        assert expected_codes(name, operation).items() <= told.items()
        if name in OPEN:
            assert not {"401", "403"} & set(operation["responses"])
        if not is_limited(name):
            assert "429" not in operation["responses"]

    def test_answer_no_error_but_problems(self, name: str) -> None:
        for status, response in OPERATIONS[name]["responses"].items():
            if status < "400" or (name, status) == ("GET /api/v1/ready", "503"):
                continue
            assert set(response["content"]) == {PROBLEM}
            assert response["content"][PROBLEM]["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert response["description"]

    def test_show_problems_as_they_are(self, name: str) -> None:
        for status, response in OPERATIONS[name]["responses"].items():
            for code, example in response.get("content", {}).get(PROBLEM, {}).get("examples", {}).items():
                value = example["value"]
                assert set(value) >= {"type", "title", "status", "detail", "instance", "code", "request_id"}
                assert (str(value["status"]), value["code"]) == (status, code)
                assert value["type"].endswith(f"/errors#{code.replace('_', '-')}")

    def test_ask_for_a_credential_unless_open(self, name: str) -> None:
        schemes = {scheme for each in OPERATIONS[name].get("security", []) for scheme in each}
        wanted = set() if name in OPEN | SIGNED else {"Service key", "Service key header", "Telegram user"}
        assert schemes == wanted

    def test_give_an_example_of_everything_that_must_be_sent(self, name: str) -> None:
        operation = OPERATIONS[name]
        for parameter in operation.get("parameters", []):
            if parameter["required"] and parameter["name"] != "token":
                assert parameter["schema"].get("examples") or parameter.get("example"), parameter["name"]
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        if "$ref" in content:
            schema = SCHEMA["components"]["schemas"][content["$ref"].rpartition("/")[2]]
            assert [field for field in schema.get("required", []) if "examples" not in schema["properties"][field]] == []


class TestSchema:
    def test_knows_nothing_of_the_frameworks_own_errors(self) -> None:
        assert {"HTTPValidationError", "ValidationError"} & SCHEMA["components"]["schemas"].keys() == set()
        assert "HTTPException" not in str(SCHEMA)

    def test_has_everything_that_it_refers_to(self) -> None:
        wanted = {node["$ref"] for node in nodes(SCHEMA) if "$ref" in node}
        assert wanted <= {f"#/components/schemas/{name}" for name in SCHEMA["components"]["schemas"]}

    def test_says_when_to_come_back(self) -> None:
        for operation in OPERATIONS.values():
            if "429" in operation["responses"]:
                assert operation["responses"]["429"]["headers"].keys() == {"Retry-After", "RateLimit", "RateLimit-Policy"}

    def test_is_made_once(self) -> None:
        app = create_app(Settings(_env_file=None, log_level="error"))
        assert app.openapi() is app.openapi()

    async def test_is_served(self, shop: Shop) -> None:
        async with httpx2.AsyncClient(base_url=shop.base_url, verify=NO_TLS) as http:
            assert (await http.get("/openapi.json")).json()["paths"].keys() == SCHEMA["paths"].keys()

    async def test_shows_an_order_that_is_taken(self, shop: Shop) -> None:
        fields = SCHEMA["components"]["schemas"]["GenerationSubmit"]["properties"]
        example = {name: field["examples"][0] for name, field in fields.items() if field.get("examples", [None])[0] is not None}
        assert example.keys() >= an_order(1).keys()
        assert (await shop.http.post("/generations/submit", json=example)).status_code == 202


class TestBodies:
    def test_say_of_each_text_that_is_stored_that_it_holds_no_nul(self) -> None:
        texts = [(path, node) for path, node in sent_fields() if node.get("type") == "string" and "maxLength" in node]
        bare = {path for path, node in texts if "pattern" not in node}

        assert bare == {f"GenerationSubmit.{name}" for name in ("size", "aspect_ratio", "resolution")}  # one of a list, or refused
        assert len(texts) > len(bare)

    def test_bound_each_number_where_json_is_still_exact(self) -> None:
        numbers = {path: node for path, node in sent_fields() if node.get("type") == "integer"}
        loose = {path for path, node in numbers.items() if not node.get("maximum", node.get("exclusiveMaximum", 2**63)) <= 2**53}

        assert numbers
        assert loose == set()

    @pytest.mark.parametrize("name", ["reference_urls", "reference_file_ids"])
    def test_say_that_null_is_no_reference(self, name: str) -> None:
        field = SCHEMA["components"]["schemas"]["GenerationSubmit"]["properties"][name]
        assert {"type": "null"} in field["anyOf"]


class TestProblems:
    def test_are_given_by_status_and_code(self) -> None:
        found = problems(UserNotFoundError)["404"]
        assert found["description"] == "Not Found: `user_not_found`"
        assert found["content"][PROBLEM]["examples"]["user_not_found"]["value"]["status"] == 404

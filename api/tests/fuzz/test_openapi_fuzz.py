"""The whole OpenAPI schema, fuzzed: no 5xx, no answer that the schema does not promise. `make fuzz` runs it for longer."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.factories import BOT_KEY, Shop
from tests.fuzz.hooks import KNOWN_PEOPLE

CONFIG = Path(__file__).with_name("schemathesis.toml")
CREDITS = 100_000
EXAMPLES = int(os.environ.get("RASSOM_FUZZ_EXAMPLES", "5"))
PARTS = [
    "--include-path-regex=/(admin|payments)",
    "--exclude-path-regex=/(admin|payments|generations)",
    "--include-path-regex=/generations",
]
SEED = os.environ.get("RASSOM_FUZZ_SEED", "20261123")


class TestSchema:
    @pytest.mark.parametrize("part", PARTS)
    async def test_holds_for_every_call(self, busy_shop: Shop, part: str) -> None:
        for somebody in KNOWN_PEOPLE:
            await busy_shop.grant(somebody, CREDITS)
            await busy_shop.order(somebody)
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={CONFIG}",
            "run",
            f"{busy_shop.base_url}/openapi.json",
            f"--header=Authorization: Bearer {BOT_KEY}",
            part,
            f"--max-examples={EXAMPLES}",
            f"--seed={SEED}",
            "--checks=all",
            "--request-timeout=20",
            "--generation-database=none",
            "--no-color",
        ]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(CONFIG.parent)},
        )
        output = (await process.communicate())[0].decode()
        sys.stdout.write(output[-3000:])

        assert process.returncode == 0, output[-8000:]
        cases = re.search(r"(\d+) generated", output)
        assert cases is not None
        assert int(cases[1]) >= 100
        await busy_shop.check_books()

"""One assembled image for all tests here."""

from pathlib import Path

import pytest

from tests.containers.image import Image, assemble


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return assemble(Path(tmp_path_factory.mktemp("image")))

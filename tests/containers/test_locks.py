"""Installed packages are pinned, here and in the images alike."""

import re

import pytest

from tests.containers.locks import LOCKS, packages


@pytest.mark.parametrize("lock", LOCKS)
def test_hold_versions_and_hashes_and_no_addresses(lock: str) -> None:
    package = r"\S+==\S+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+"
    for pinned in packages(lock):
        assert re.fullmatch(package, pinned), pinned


@pytest.mark.parametrize("lock", LOCKS)
def test_images_have_the_packages_that_are_tested(lock: str) -> None:
    tested = {pin.split(" ")[0] for pin in packages("requirements.lock")}
    assert {pin.split(" ")[0] for pin in packages(lock)} <= tested

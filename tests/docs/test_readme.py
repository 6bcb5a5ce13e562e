"""The README and the reference say what the code says."""

import re
from pathlib import Path

from app.api import FURTHER
from app.main import create_app
from app.settings import Settings

README = Path("README.md").read_text()
REFERENCE = Path("docs/reference.md").read_text()


def test_lists_every_setting_with_its_default_and_reason() -> None:
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() else field.default
        shown = "" if default in {None, ()} else default
        row = f"| `{name.upper()}` | {shown} | {field.description} |"
        assert row in REFERENCE


def test_lists_every_route(settings: Settings) -> None:
    """Those of the further lessons are in the cards, and in `/docs`."""
    listed = set(re.findall(r"`(GET|POST|PUT) (/[^?` ]*)", REFERENCE))
    further = {lesson.name for lesson in FURTHER}
    for path, operations in create_app(settings).openapi()["paths"].items():
        if path.startswith(("/before/", "/after/")):
            continue
        for method, operation in operations.items():
            if further.isdisjoint(operation["tags"]):
                assert (method.upper(), path) in listed


def test_fits_on_a_few_screens() -> None:
    assert len(README.splitlines()) <= 150


def test_links_only_to_files_that_exist() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert Path(link).exists(), link


def test_names_only_make_targets_that_exist() -> None:
    targets = set(
        re.findall(r"^([a-z]+):", Path("Makefile").read_text(), re.MULTILINE)
    )
    assert set(re.findall(r"\bmake ([a-z]+)", README)) <= targets

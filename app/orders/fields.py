"""What a name and a price may be, as OpenAPI says and PostgreSQL stores."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        # No control characters, no line separators, and no character that
        # reverses the text after it. Right-to-left marks are harmless.
        pattern=r"^[^\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]*$",
    ),
]
"""A name in any script."""

_PRICE = "^[0-9]{1,6}([.][0-9]{1,2})?$"


def _plain_decimal(given: object) -> object:
    """Refuse what Decimal reads, and people do not: ١٢, 1_000, 0E+99.

    Raises:
        ValueError: the text is no plain decimal.

    """
    if isinstance(given, str) and not re.fullmatch(_PRICE, given):
        message = "wanted up to 6 digits, and 2 after a point: 24.90"
        raise ValueError(message)
    return given


Price = Annotated[
    Decimal,
    Field(ge=0, max_digits=8, decimal_places=2),
    BeforeValidator(_plain_decimal),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _PRICE},
                {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 999999.99,
                    "multipleOf": 0.01,
                },
            ],
            "examples": ["24.90"],
        }
    ),
]
"""An amount of money."""

"""Whole numbers as JSON writes them."""

from pydantic import BeforeValidator

NUMBER_MAX = 2**53
"""Every whole number that comes is below: up to there all who read JSON agree what it is (RFC 8259, 6)."""


def _without_point(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_without_point)
"""Takes 301.0 for 301 before a strict `int` looks: JSON Schema's `integer` is any number without a fraction (2020-12 core, 4.2.3).

Stands after the constraints: what pydantic meets last runs first.
"""

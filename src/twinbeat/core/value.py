"""Values: records that nobody changes, which the type checker sees to.

Every event makes dozens of them. A dataclass that guards its fields when the program runs takes
three times as long to make, so these are guarded by mypy alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False, order: bool = False) -> Callable[[type[_T]], type[_T]]:
    """Make a class a record: compared and hashed by its fields, and never changed."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only, order=order)

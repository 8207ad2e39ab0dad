"""Tables of TOML."""

from __future__ import annotations

from typing import Any


def tuples(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table whose lists are tuples, as immutable settings hold them."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}

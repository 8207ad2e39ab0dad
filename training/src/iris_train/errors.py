"""What is said of bad input."""

from __future__ import annotations

from pathlib import Path


class InputError(Exception):
    """Something in a file is wrong: the file, the line if there is one, and what."""

    def __init__(self, path: Path, what: str, line: int | None = None):
        self.path, self.line = path, line
        super().__init__(f"{path}:{line}: {what}" if line is not None else f"{path}: {what}")

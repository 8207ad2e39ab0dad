"""The classes that the shipped detectors tell apart."""

NAMES = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
"""In the order of the network's outputs."""

VEHICLES = ("car", "motorcycle", "bus", "truck")
"""What the word "vehicle" in a set's description stands for."""


def index(name: str) -> int:
    """Return the place of a class in `NAMES`."""
    return NAMES.index(name)


def expand(name: str) -> tuple[int, ...]:
    """Return the places of the classes that a name stands for: one class, or all vehicles."""
    return tuple(index(n) for n in (VEHICLES if name == "vehicle" else (name,)))

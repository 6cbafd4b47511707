"""Drills: what goes wrong, or differently, on purpose after a rehearsal has gone all the way."""

from collections.abc import Callable, Mapping

from plumbline.errors import PlumblineError
from plumbline.rehearsal.drills import delivery
from plumbline.rehearsal.drills.acts import Scene
from plumbline.rehearsal.summary import Drill

_DRILLS: Mapping[str, Callable[[Scene], Drill]] = {delivery.NAME: delivery.drill}


def find(name: str) -> Callable[[Scene], Drill]:
    """A drill by its name.

    Raises:
        PlumblineError: There is none of that name.
    """
    if name not in _DRILLS:
        raise PlumblineError(f"rehearse: there is no drill {name}; accepted: {', '.join(_DRILLS)}.")
    return _DRILLS[name]

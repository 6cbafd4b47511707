"""Plots of a baseline beside a window, as SVG without a script, an address or a time: the same numbers, the same bytes.

Matplotlib is imported when the first plot is drawn: it takes a second or two, which no other job pays.
"""

import io
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from runtime.monitoring.estimate import Estimate
from runtime.monitoring.sketch import Distribution, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.typing import RcKeyType

_BASELINE, _WINDOW, _BROKEN, _INK = "#b4c0cb", "#14506e", "#a4262c", "#3c4955"
_GRID, _BAND, _BASELINE_DOT = "#dfe4e9", "#f3f5f7", "#6b7986"
_SMALL, _WIDE = 3.5, 7.4  # inches, of which a page has 96 pixels each
_NAME_CELLS, _WIDE_NAME_CELLS = 18, 30  # of a label beside an axis
_BINS = 20
_LARGEST = 1e300  # of a number that round bins are looked for
_BEYOND = 0.005  # share of the values at either end that may lie beyond the axis
_FEW_TICKS, _LONG_TICK = 5, 8
_COARSE = 0.05  # share from which on whole percents will do
_STYLE: "Mapping[RcKeyType, object]" = {
    "font.size": 8.0,
    "text.parse_math": False,  # a column may be called $x$
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _GRID,
    "svg.fonttype": "none",  # the reader's fonts, which have letters that ours lack
    "svg.hashsalt": "plumbline",
}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A name, and a number of each side.

    Attributes:
        name: What is measured.
        baseline: 0 or more.
        window: 0 or more, in the same unit.
    """

    name: str
    baseline: float
    window: float


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A metric of each side with its interval; the value of neither is None.

    Attributes:
        name: The metric.
        baseline: At the baseline; None where the axis says it.
        window: Of the window, in the same unit.
        broken: Whether it breaks a constraint, which its mark and its name say.
    """

    name: str
    baseline: Estimate | None
    window: Estimate
    broken: bool


def printable(text: str, *, cells: int) -> str:
    """A text as one line that can be shown.

    Args:
        text: Whatever a user's data holds.
        cells: How wide it may get, in letters; those of East Asia are two wide. What is cut off leaves an ellipsis.

    Returns:
        The text with U+FFFD for each character that cannot be printed, or that turns the direction of writing.
    """
    kept, width = [], 0
    for letter in text[: cells + 1]:
        width += 1 + (unicodedata.east_asian_width(letter) in "WF")
        shown = letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}"
        kept.append((shown, width))
    if width <= cells and len(text) <= cells:
        return "".join(letter for letter, _ in kept)
    return "".join(letter for letter, end in kept if end < cells) + "…"


def numbers(baseline: Distribution, window: Distribution, *, whole: bool) -> str:
    """Histograms of two distributions on the same bins, neither of them empty.

    What lies far out, half a percent of a side at most, is in the outermost bins.

    Args:
        baseline: As steps.
        window: As steps.
        whole: Whether the baseline's values are whole numbers, so that no bin is narrower than 1.
    """
    edges = _edges(baseline, window, whole=whole)
    shares = [_binned(side, edges) for side in (baseline, window)]
    bins = len(shares[0])

    def draw(axes: "Axes") -> None:
        positions = np.arange(bins + 1)
        axes.stairs(shares[0], positions, fill=True, color=_BASELINE)
        axes.stairs(shares[1], positions, color=_WINDOW, linewidth=1.4)
        axes.set_xlim(0, bins * 1.01)  # the last edge in full
        # A bin of width 1 holds one whole number, and is called so; any other is told by its ends.
        single = len(edges) == 1 or (whole and bool(np.all(np.diff(edges) == 1)))
        names = [_tick(edge) for edge in edges[: bins + (not single)]]
        fewest = 3 if max(map(len, names)) > _LONG_TICK else _FEW_TICKS
        step = -(-len(names) // fewest)
        axes.set_xticks(positions[: len(names) : step] + (0.5 if single else 0), names[::step])
        _shares_on(axes.yaxis, max(float(side.max()) for side in shares))
        axes.grid(axis="y")

    return _svg((_SMALL, 1.9), (0.13, 0.17, 0.83, 0.77), draw)


def bars(rows: Sequence[Bar], *, shares: bool, wide: bool = False) -> str:
    """Pairs of bars, the first on top.

    Args:
        rows: One at least.
        shares: Whether the numbers are shares from 0 to 1, shown in percent.
        wide: Whether the plot is as wide as the page.
    """
    width, cells = (_WIDE, _WIDE_NAME_CELLS) if wide else (_SMALL, _NAME_CELLS)
    height = 0.4 + 0.27 * len(rows)
    largest = max(max(row.baseline, row.window) for row in rows)

    def draw(axes: "Axes") -> None:
        places = np.arange(len(rows))
        axes.barh(places - 0.19, [row.baseline for row in rows], height=0.36, color=_BASELINE)
        axes.barh(places + 0.19, [row.window for row in rows], height=0.36, color=_WINDOW)
        axes.set_xlim(0, largest * 1.05 or 1.0)
        _names_on(axes, [row.name for row in rows], cells)
        if shares:
            _shares_on(axes.xaxis, largest)
        else:
            axes.locator_params(axis="x", nbins=5)
        axes.grid(axis="x")

    left = 0.3 if wide else 0.38
    return _svg((width, height), (left, 0.3 / height, 0.96 - left, 1 - 0.36 / height), draw)


def dots(rows: Sequence[Dot], *, label: str, at: Sequence[float], limits: tuple[float, float]) -> str:
    """Values and their intervals, the first on top.

    Args:
        rows: One at least.
        label: What the axis measures, with its unit.
        at: Where upright lines stand: the first drawn through, the others dashed.
        limits: Beyond these nothing is drawn; what lies there is an arrow at the edge.
    """
    height = 0.65 + 0.27 * len(rows)
    found = [end for row in rows for one in (row.baseline, row.window) if one for end in _ends(one)]
    low, high = max(min([*found, *at]), limits[0]), min(max([*found, *at]), limits[1])
    room = (high - low) * 0.06 or 0.1

    def draw(axes: "Axes") -> None:
        axes.set_xlim(low - room, high + room)
        for place, row in enumerate(rows):
            if place % 2 == 0:
                axes.axhspan(place - 0.5, place + 0.5, color=_BAND, linewidth=0, zorder=0)
            if row.baseline:
                _dot(axes, place - 0.17, row.baseline, (low, high), color=_BASELINE_DOT, mark="s", filled=False)
            color, mark = (_BROKEN, "D") if row.broken else (_WINDOW, "o")
            _dot(axes, place + (0.17 if row.baseline else 0), row.window, (low, high), color=color, mark=mark)
        for number, position in enumerate(at):
            axes.axvline(position, color=_INK, linewidth=0.8, linestyle="--" if number else "-", zorder=1)
        _names_on(axes, [f"✗ {row.name}" if row.broken else row.name for row in rows], _WIDE_NAME_CELLS)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(label)
        axes.grid(axis="x")

    return _svg((_WIDE, height), (0.3, 0.55 / height, 0.66, 1 - 0.6 / height), draw)


def _svg(size: tuple[float, float], box: tuple[float, float, float, float], draw: "Callable[[Axes], None]") -> str:
    """What is drawn on one pair of axes.

    Args:
        size: In inches.
        box: Where the axes stand: left, bottom, width and height, in shares of the size. They are not fitted to the
            labels, which are as wide as the reader's fonts make them.
        draw: Draws.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        # Which letters its own font lacks is of no matter to a page that is shown in others.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=size)
        draw(figure.add_axes(box))
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = written.getvalue()
    return text[text.index("<svg") :]


def _edges(baseline: Distribution, window: Distribution, *, whole: bool) -> Floats:
    """Ends of at most `_BINS` bins, ascending; a single point where both sides are constant, and the same."""
    from matplotlib.ticker import MaxNLocator

    for beyond in (_BEYOND, 0.0):
        ends = np.concatenate([side.quantiles([beyond, 1 - beyond]) for side in (baseline, window)])
        low, high = float(ends.min()), float(ends.max())
        if low < high:
            break
    else:
        return np.array([low])
    if whole and high - low < _BINS + 5:
        return np.arange(np.floor(low), np.floor(high) + 2)
    if max(abs(low), abs(high)) < _LARGEST:
        locator = MaxNLocator(nbins=_BINS, steps=[1, 2, 2.5, 5, 10], integer=whole)
        edges: Floats = np.asarray(locator.tick_values(low, high), dtype=np.float64)
    else:
        steps = np.linspace(0.0, 1.0, _BINS + 1)
        edges = low * (1 - steps) + high * steps
    # Neighbours among the floats have none between them.
    return edges if bool(np.all(np.diff(edges) > 0)) else np.array([low, high])


def _binned(side: Distribution, edges: Floats) -> Floats:
    """The share of a side in each bin, shape (bins,); the outermost bins take what lies beyond them."""
    if len(edges) == 1:
        return np.ones(1)
    index = np.clip(np.searchsorted(edges, side.points, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(index, weights=side.weights, minlength=len(edges) - 1).astype(np.float64)
    return counts / side.count


def _tick(value: float) -> str:
    exact = f"{value:.10g}"
    return exact if len(exact) <= _LONG_TICK + 2 else f"{value:.3g}"


def _names_on(axes: "Axes", names: Sequence[str], cells: int) -> None:
    axes.set_yticks(range(len(names)), [printable(name, cells=cells) or "(empty)" for name in names])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _shares_on(axis: "Axis", largest: float) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    # No step of 2.5, which a whole percent would misstate.
    axis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 3, 5, 10]))
    axis.set_major_formatter(PercentFormatter(1.0, decimals=0 if largest > _COARSE else None))


def _dot(
    axes: "Axes",
    place: float,
    one: Estimate,
    limits: tuple[float, float],
    *,
    color: str,
    mark: str,
    filled: bool = True,
) -> None:
    low, high = limits
    lower, value, upper = _ends(one)
    if lower < upper and lower <= high and upper >= low:
        axes.plot([max(lower, low), min(upper, high)], [place, place], color=color, linewidth=1.4)
    mark = "<" if value < low else ">" if value > high else mark
    axes.plot(
        [min(max(value, low), high)],
        [place],
        marker=mark,
        markersize=5,
        color=color,
        markerfacecolor=color if filled else "white",
        linestyle="none",
        zorder=3,
    )


def _ends(one: Estimate) -> tuple[float, float, float]:
    """Lower end, value and upper end; without an interval, thrice the value."""
    value = one.value
    if value is None or not isfinite(value):
        raise ValueError(f"a metric without a value ({value}) cannot be drawn; accepted: a finite number")
    known = [value if end is None or not isfinite(end) else end for end in (one.lower, one.upper)]
    return known[0], value, known[1]

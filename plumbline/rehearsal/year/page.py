"""A year on one page: what the monitors said, what was decided, and how good the answers were; a file of its own."""

import base64
import functools
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.rehearsal.year.story import Passed, Quality, Year

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

PAGE = "year.html"
_INK, _GRID, _BAD = "#3c4955", "#dfe4e9", "#a4262c"
_MONITORS = {
    "data-quality": "#14506e",
    "model-quality": "#c26a00",
    "bias": "#1d6b45",
    "explainability": "#7a4f9a",
}
_MODELS = {
    "as served": ("#14506e", "-", "o"),
    "never retrained": ("#c26a00", "--", "s"),
    "seasonal-naïve": ("#8a949e", ":", "^"),
}
_SCORES = {"average_precision": "Average precision, more is better", "log_loss": "Log loss, less is better"}
_SIZE = (9.6, 2.7)  # inches, of which a page has 96 pixels each


def page(years: Sequence[Year]) -> str:
    """The page, which asks for no other file and runs no script.

    Args:
        years: The years that have passed, one a model.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    shown = [{"year": year, "plots": _plots(year), "months": [_row(one) for one in year.months]} for year in years]
    return environment.get_template("page.html").render(years=shown)


def _row(one: Passed) -> Mapping[str, object]:
    qualities = {"served": one.served, "never": one.never_retrained, "naive": one.seasonal_naive}
    better = one.served["average_precision"] - one.never_retrained["average_precision"]
    return {"passed": one, **qualities, "better": better, "decided": _decided(one)}


def _decided(one: Passed) -> str:
    """What came of an alarm, in a sentence."""
    made = one.retraining
    if made is None:
        return ""
    if made.version:
        return f"Retrained; version {made.version} beat the champion and was released."
    if made.run:
        return f"Retrained, and not registered: {made.reason}"
    return f"Not retrained: {made.why}"


def _plots(year: Year) -> list[tuple[str, str]]:
    """Title and address of each plot."""
    return [
        ("Deviation from the baselines", _drawn(lambda axes: _deviations(axes, year))),
        *((title, _drawn(functools.partial(_qualities, year=year, name=name))) for name, title in _SCORES.items()),
    ]


def _deviations(axes: "Axes", year: Year) -> None:
    names = [one.month for one in year.months]
    for monitor, color in _MONITORS.items():
        found = [one.deviations.get(monitor) for one in year.months]
        if any(value is not None for value in found):
            values = [float("nan") if value is None else value for value in found]
            axes.plot(names, values, color=color, marker="o", markersize=3.5, linewidth=1.4, label=monitor)
    axes.axhline(year.line, color=_BAD, linewidth=1, linestyle="--", label=f"the line, {year.line:g}")
    _retrained(axes, year)
    axes.set_ylim(bottom=0)


def _qualities(axes: "Axes", year: Year, name: str) -> None:
    names = [one.month for one in year.months]
    of: dict[str, Callable[[Passed], Quality]] = {
        "as served": lambda one: one.served,
        "never retrained": lambda one: one.never_retrained,
        "seasonal-naïve": lambda one: one.seasonal_naive,
    }
    for model, (color, line, mark) in reversed(_MODELS.items()):
        values = [of[model](one)[name] for one in year.months]
        axes.plot(names, values, color=color, linestyle=line, marker=mark, markersize=3.5, linewidth=1.4, label=model)
    _retrained(axes, year)


def _retrained(axes: "Axes", year: Year) -> None:
    """A mark between a month whose alarm has brought a new version and the month that it answers first."""
    for place, one in enumerate(year.months):
        if one.retraining is not None and one.retraining.version:
            axes.axvline(place + 0.5, color=_INK, linewidth=0.8)
            axes.annotate(
                f"version {one.retraining.version}",
                (place + 0.5, 1),
                xycoords=("data", "axes fraction"),
                xytext=(3, -8),
                textcoords="offset points",
            )


def _drawn(draw: Callable[["Axes"], None]) -> str:
    """A plot as an address that holds it."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Mapping[RcKeyType, object] = {
        "font.size": 8.0,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.edgecolor": _INK,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "grid.color": _GRID,
        "svg.fonttype": "none",
        "svg.hashsalt": "plumbline",
    }
    with mpl.rc_context(dict(style)):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        axes.grid(axis="y", linewidth=0.6)
        draw(axes)
        axes.legend(frameon=False, ncols=5, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0)
        content = io.BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode()}"

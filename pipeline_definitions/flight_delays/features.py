"""What is known of a flight before it departs, and the features made of it.

One function serves training and inference: `features` sees a table of raw inputs and nothing else, and the features of
a row depend on that row alone. Turning categories into numbers is part of the model (`encoding.py`), since it is
learned from the training rows.
"""

import math

import polars as pl

from runtime.columns import Column

# The raw inputs, in the order of a CSV request. Times are hours and minutes of the local clock, as in 1745; the weather
# is that of the scheduled hour at the origin, and null where the station has none.
INPUTS = (
    Column(name="year", kind="integer", low=1987, high=2100),
    Column(name="month", kind="integer", low=1, high=12),
    Column(name="day", kind="integer", low=1, high=31),
    Column(name="sched_dep_time", kind="integer", low=0, high=2359),
    Column(name="sched_arr_time", kind="integer", low=0, high=2400),
    Column(name="carrier", kind="text"),
    Column(name="origin", kind="text"),
    Column(name="dest", kind="text"),
    Column(name="distance", kind="number", low=0, high=20_000),  # miles
    Column(name="temp", kind="number", required=False, low=-150, high=150),  # °F
    Column(name="dewp", kind="number", required=False, low=-150, high=150),  # °F
    Column(name="humid", kind="number", required=False, low=0, high=110),  # %
    Column(name="wind_dir", kind="number", required=False, low=0, high=360),  # degrees
    Column(name="wind_speed", kind="number", required=False, low=0, high=2000),  # mph; the table has one of 1048
    Column(name="wind_gust", kind="number", required=False, low=0, high=2000),  # mph
    Column(name="precip", kind="number", required=False, low=0, high=50),  # inches in the hour
    Column(name="pressure", kind="number", required=False, low=800, high=1200),  # millibars
    Column(name="visib", kind="number", required=False, low=0, high=100),  # miles
)

LABEL = "late"
CATEGORIES = ("carrier", "origin", "dest", "route")
_WEATHER = ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")
_DAY_MINUTES = 24 * 60


def features(frame: pl.DataFrame) -> pl.DataFrame:
    """The features of each row, in the rows' order: texts for categories, 64-bit floats for the rest.

    Args:
        frame: The columns of `INPUTS`; others are not looked at. A date that does not exist gives a null weekday.
    """
    departure = _minutes("sched_dep_time")
    scheduled = (_minutes("sched_arr_time") - departure) % _DAY_MINUTES
    direction = pl.col("wind_dir") * (math.pi / 180)
    return frame.select(
        pl.col("carrier"),
        pl.col("origin"),
        pl.col("dest"),
        pl.concat_str("origin", pl.lit("-"), "dest").alias("route"),
        (pl.col("sched_dep_time") // 100).cast(pl.Float64).alias("hour"),
        departure.cast(pl.Float64).alias("departure_minute"),
        scheduled.cast(pl.Float64).alias("scheduled_minutes"),
        date().dt.weekday().cast(pl.Float64).alias("weekday"),
        pl.col("distance").cast(pl.Float64),
        *(pl.col(name).cast(pl.Float64) for name in _WEATHER),
        (pl.col("temp") - pl.col("dewp")).alias("dew_point_spread"),
        (pl.col("wind_speed") * direction.cos()).alias("wind_from_north"),
        (pl.col("wind_speed") * direction.sin()).alias("wind_from_east"),
    )


def date() -> pl.Expr:
    """The date of departure of a row of raw inputs; null if there is no such day."""
    text = pl.format(
        "{}-{}-{}", "year", pl.col("month").cast(pl.String).str.zfill(2), pl.col("day").cast(pl.String).str.zfill(2)
    )
    return text.str.to_date("%Y-%m-%d", strict=False)


def _minutes(clock: str) -> pl.Expr:
    """Minutes since midnight of a local clock time written as 1745."""
    return pl.col(clock) // 100 * 60 + pl.col(clock) % 100

"""Forecasts of daily counts with bands, without Spark: arrays of many series in and out.

The way of a count: `panel` reads it, `history` of `level_profile` cleans it, `candidates` forecasts
with every model, `past` keeps what was forecast, `gate` chooses the model, `bands` adds the spread,
and `issue` puts one day's forecasts together. `backtest` issues past days; `benchmark` and `scores`
judge them; `search` looks for better settings.
"""

import logging

# Prophet says at its import that it cannot plot.
logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
# Stan reports the start and end of every fit, and sets its own level unless there is a handler.
logging.getLogger("cmdstanpy").addHandler(logging.NullHandler())
logging.getLogger("cmdstanpy").setLevel(logging.CRITICAL)

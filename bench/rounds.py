"""Things measured in one run, alternating: medians, spread, ratios, on a terminal or as one JSON object."""

import argparse
import json
from collections.abc import Callable, Mapping
from statistics import median, quantiles

Rates = dict[str, list[float]]  # of each side, round by round


def alternate(sides: Mapping[str, Callable[[], float]], rounds: int) -> Rates:
    """Ask every side in turn for its rate, round after round; a first round warms up and does not count."""
    rates: Rates = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            rate = side()
            if number:
                rates[name].append(rate)
    return rates


def summary(rates: Rates, against: str | None = None) -> dict[str, dict[str, float]]:
    """Median, quartiles and, with ``against``, the ratio to the median of that side."""
    result: dict[str, dict[str, float]] = {}
    for name, values in rates.items():
        low, _, high = quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
        result[name] = {"median": round(median(values), 2), "low": round(low, 2), "high": round(high, 2)}
        if against is not None and name != against:
            result[name]["ratio"] = round(median(values) / median(rates[against]), 2)
    return result


def arguments(description: str | None, **defaults: float | str) -> argparse.Namespace:
    """The options of a bench: ``--rounds``, ``--json`` and these with their defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"rounds": 5, **defaults}.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def show(results: Mapping[str, Mapping[str, Mapping[str, float]]], *, as_json: bool) -> None:
    """Print what was measured, a block for every case."""
    if as_json:
        print(json.dumps(results), flush=True)
        return
    for case, sides in results.items():
        print(case, flush=True)
        for name, numbers in sides.items():
            print(f"  {name:40s}" + "  ".join(f"{key} {value:,.2f}" for key, value in numbers.items()))

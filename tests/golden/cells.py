"""Values of other engines as the golden pipelines compare them."""

import datetime
import decimal
import math


def cell(value):
    """A value as JSON: times as text in UTC, doubles that are no numbers as text."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "auto" if not value.microsecond or value.microsecond % 1000 else "milliseconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if hasattr(value, "asDict"):
        return cell(value.asDict())
    if isinstance(value, dict):
        return {key: cell(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [cell(part) for part in value]
    return value


def rows(answer):
    return [[cell(value) for value in row] for row in answer]

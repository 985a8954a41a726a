"""Makes orders, payments, clicks, sales and events.ndjson: the same bytes each time.

transactions.ndjson is from `ecap-gen transactions -n 150 --seed 7 --start 2025-07-27T10:00:00Z --event-rate 0.1
--customers 40`.
"""

import datetime
import json
import pathlib
import random

HERE = pathlib.Path(__file__).parent
START = datetime.datetime(2025, 3, 1, 10, 0, tzinfo=datetime.timezone.utc)


def at(seconds):
    """A time as text, in milliseconds."""
    time = START + datetime.timedelta(milliseconds=round(seconds * 1000))
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def maybe(dice, value, missing):
    return None if dice.random() < missing else value


def write(name, records):
    lines = (json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n" for record in records)
    (HERE / name).write_text("".join(lines), encoding="utf-8")


def order(dice, number):
    """An order every 5 s or so for 20 minutes, up to 40 s out of order; some without this or that."""
    seconds = number * 5 + dice.uniform(-40, 40)
    return {
        "order_id": f"o{number:03}",
        "user_id": maybe(dice, f"u{dice.randrange(12):02}", 0.03),
        "category": maybe(dice, dice.choice(["books", "garden", "music", "tøys"]), 0.05),
        "amount": maybe(dice, round(dice.uniform(-5, 200), 2), 0.05),
        "quantity": dice.randrange(1, 6),
        "points": dice.randrange(-(10**12), 10**12),
        "express": maybe(dice, dice.random() < 0.3, 0.1),
        "t": maybe(dice, at(seconds), 0.02),
        "address": maybe(
            dice,
            {
                "city": dice.choice(["Oslo", "Bergen", "Rome"]),
                "geo": maybe(dice, {"lat": round(dice.uniform(40, 60), 4), "lon": round(dice.uniform(5, 15), 4)}, 0.1),
            },
            0.05,
        ),
        "labels": maybe(dice, {"channel": dice.choice(["web", "app"]), "note": dice.choice(["a", "b"])}, 0.1),
    }


def payment(dice, number, order):
    """Paid within 150 s after the order, or never, or for an order that is not there."""
    seconds = number * 5 + dice.uniform(-40, 40)
    if order["t"] is not None:
        seconds = (datetime.datetime.fromisoformat(order["t"].replace("Z", "+00:00")) - START).total_seconds()
    return {
        "payment_id": f"p{number:03}",
        "order_id": maybe(dice, dice.choice([order["order_id"]] * 9 + [f"x{number:03}"]), 0.03),
        "paid": maybe(dice, order["amount"], 0.1),
        "method": dice.choice(["card", "cash", "card"]),
        "t": at(seconds + dice.uniform(-10, 150)),
    }


def clicks(dice):
    """Visits of ten users: clicks a few seconds apart, then minutes of silence."""
    records = []
    for user in range(10):
        seconds = dice.uniform(0, 120)
        while seconds < 1500:
            records.append((seconds, {"user_id": f"u{user:02}", "page": dice.choice(["home", "item", "cart", "pay"])}))
            seconds += dice.uniform(1, 40) if dice.random() < 0.8 else dice.uniform(60, 400)
    records.sort(key=lambda record: record[0] + dice.uniform(-30, 30))
    for number, (seconds, record) in enumerate(records):
        millis = maybe(dice, dice.randrange(100, 9000), 0.05)
        yield {"click_id": f"c{number:03}", **record, "millis": millis, "t": at(seconds)}


def sales(dice):
    """Batches of ten records every ten seconds, as the producer of the coursework writes them."""
    for number in range(120):
        yield {
            "customer_id": f"CUST_{dice.randrange(10001, 10020)}",
            "product_category": dice.choice(["Books", "Toys", "Sports"]),
            "final_amount": round(dice.uniform(1, 500), 2),
            "batch_number": number // 10 + 1,
            "batch_position": number % 10 + 1,
            "_timestamp": at(number // 10 * 10 + number % 10 * 0.05),
        }


def events(dice):
    """What the customers of transactions.ndjson did in their sessions before most of the purchases, and after some."""
    records = []
    for line in (HERE / "transactions.ndjson").read_text(encoding="utf-8").splitlines():
        bought = json.loads(line)
        time = datetime.datetime.fromisoformat(bought["timestamp"].replace("Z", "+00:00")) - START
        for kind, before in [("view", 2400), ("cart", 120), ("search", 90), ("view", -200)]:
            if dice.random() < 0.5:
                seconds = time.total_seconds() - dice.uniform(0, before) if before > 0 else time.total_seconds() - before
                record = {"user_id": bought["user_id"], "session_id": bought["session_id"], "event_type": kind}
                records.append((seconds, {**record, "page_url": f"/{kind}"}))
    records.sort(key=lambda record: record[0])
    for number, (seconds, record) in enumerate(records):
        yield {"event_id": f"e{number:03}", **record, "timestamp": at(seconds)}


def closing(record, name, letter):
    """Three records, one for each partition, 40 minutes after the others: they end all windows before them."""
    for number in range(3):
        yield {name: f"{letter}9{number}", **record, "t": at(3600 + number)}


def main():
    dice = random.Random(4)
    orders = [order(dice, number) for number in range(240)]
    payments = [payment(dice, number, order) for number, order in enumerate(orders) if dice.random() < 0.8]
    last = {"user_id": "u11", "category": "books", "amount": 120.5, "quantity": 2, "points": 7, "express": False}
    write("orders.ndjson", orders + list(closing(last, "order_id", "o")))
    write("payments.ndjson", payments + list(closing({"order_id": "x99", "paid": 120.5, "method": "card"}, "payment_id", "p")))
    write("clicks.ndjson", list(clicks(dice)) + list(closing({"user_id": "u11", "page": "pay"}, "click_id", "c")))
    write("sales.ndjson", sales(dice))
    write("events.ndjson", events(dice))


main()

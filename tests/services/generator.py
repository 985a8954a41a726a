"""An independent look at generated records, by DuckDB and pandas: python generator.py WORLD_FOLDER FAULTY_FILE TRUTH_FILE

Prints one document of JSON: what is wrong, by check; nothing where all is right.
"""

import json
import sys

import duckdb
import numpy as np
import pandas as pd

world, faulty, truth = sys.argv[1:]
db = duckdb.connect()
for table in ("transactions", "user-events", "product-updates"):
    db.sql(f"CREATE TABLE \"{table}\" AS FROM read_json('{world}/{table}.ndjson', format = 'newline_delimited')")
db.sql(f"CREATE TABLE history AS FROM read_csv('{world}/customer-transactions.csv', types = {{'zip_code': 'VARCHAR'}})")
db.sql("""CREATE TABLE bought AS SELECT *, event_properties.transaction_id AS transaction_id,
    event_properties.product_id AS product_id, event_properties.price AS price
    FROM "user-events" WHERE event_type = 'purchase'""")

wrong = {}


def expect_none(check, sql):
    """No row should come."""
    rows = db.sql(sql).fetchall()
    if rows:
        wrong[check] = f"{len(rows)} rows, as {rows[0]}"


def expect_between(check, low, value, high):
    if not low <= value <= high:
        wrong[check] = f"{value} is not from {low} to {high}"


for table, column in [("transactions", "transaction_id"), ("user-events", "event_id"), ("history", "transaction_id")]:
    expect_none(f"{table} ids", f'SELECT {column} FROM "{table}" GROUP BY ALL HAVING count(*) > 1')

# Keys resolve, and what two topics say of one thing is the same.
expect_none("sold and bought", """SELECT t.transaction_id, b.transaction_id FROM transactions t
    FULL JOIN bought b USING (transaction_id)
    WHERE (t.session_id, t.user_id, t.product_id, t.timestamp, round(t.price * 100))
        IS DISTINCT FROM (b.session_id, b.user_id, b.product_id, b.timestamp, round(b.price::DOUBLE * 100))""")
expect_none("products in events", """SELECT event_properties.product_id AS id FROM "user-events"
    WHERE id IS NOT NULL AND id NOT IN (SELECT product_id FROM "product-updates")""")
expect_none("prices", """SELECT t.transaction_id FROM transactions t ASOF LEFT JOIN
    (SELECT product_id AS id, timestamp AS since, price AS price_then, is_active FROM "product-updates"
        WHERE update_type IS NOT NULL) u
    ON t.product_id = u.id AND t.timestamp >= u.since
    WHERE u.id IS NULL OR NOT is_active OR round(t.price * 100) <> round(price_then * 100)""")
expect_none("previous prices", """SELECT product_id FROM (SELECT *, lag(price) OVER (PARTITION BY product_id ORDER BY timestamp) AS before
    FROM "product-updates" WHERE update_type IS NOT NULL) WHERE previous_price IS NOT NULL AND round(previous_price * 100) <> round(before * 100)""")
expect_none("homes", """SELECT h.customer_id FROM history h
    JOIN transactions t ON t.user_id = format('user_{:06d}', replace(h.customer_id, 'CUST_', '')::INT - 10001)
    WHERE (h.city, h.state, h.zip_code::INT) <> (t.user_location.city, t.user_location.state, t.user_location.zip_code::INT)""")
expect_none("homes in events", """SELECT e.event_id FROM "user-events" e JOIN transactions t USING (user_id)
    WHERE (e.user_location.city, e.user_location.state) <> (t.user_location.city, t.user_location.state)""")

# Sessions: in order, one user each, under half an hour; a product is looked at before it is bought.
expect_none("sessions", """SELECT session_id FROM "user-events" GROUP BY ALL
    HAVING count(DISTINCT user_id) > 1 OR max(timestamp) - min(timestamp) > INTERVAL 30 MINUTE""")
expect_none("views", """SELECT b.transaction_id FROM bought b ANTI JOIN "user-events" v ON v.session_id = b.session_id
    AND v.event_type = 'view' AND v.event_properties.product_id = b.product_id AND v.timestamp <= b.timestamp
    WHERE b.timestamp > (SELECT min(timestamp) + INTERVAL 30 MINUTE FROM transactions)""")
for table in ("transactions", "user-events", "product-updates"):
    expect_none(f"order of {table}", f"""SELECT * FROM (SELECT timestamp, lag(timestamp) OVER () AS before FROM "{table}"
        WHERE timestamp IS NOT NULL) WHERE timestamp < before""")

# A discontinued product ends with a tombstone, which has its key alone, and nothing else ends with one.
expect_none("tombstones", """SELECT * FROM (SELECT *, lag(update_type) OVER (PARTITION BY product_id ORDER BY rowid) AS before
    FROM "product-updates") WHERE (update_type IS NULL) <> (before IS NOT DISTINCT FROM 'discontinued')
    OR update_type IS NULL AND coalesce(product_name, category_id, price::VARCHAR, is_active::VARCHAR, timestamp::VARCHAR) IS NOT NULL""")
if not db.sql('SELECT count(*) FROM "product-updates" WHERE update_type IS NULL').fetchall()[0][0]:
    wrong["tombstones"] = "there are none"

# A screen is one of its system's, and a wallet is on a device that has it.
expect_none("screens", """SELECT screen FROM (SELECT DISTINCT device_info.os AS os, device_info.screen_resolution AS screen FROM "user-events")
    GROUP BY screen HAVING count(DISTINCT os IN ('iOS', 'iPadOS', 'Android')) > 1 OR count(DISTINCT os IN ('iOS', 'iPadOS')) > 1""")
expect_none("wallets", """SELECT transaction_id FROM transactions WHERE payment_method = 'apple_pay' AND device_info.os NOT LIKE '%OS'
    OR payment_method = 'google_pay' AND device_info.os LIKE '%OS'""")

# Totals, in whole cents.
expect_none("totals", """SELECT record_id FROM history WHERE round(quantity * unit_price * 100) <> round(total_amount * 100)
    OR round((total_amount - discount) * 100) <> round(final_amount * 100)""")

# Zip codes: which state has those that begin with these three digits.
STATES = """100-102 NY, 070-089 NJ, 021-022 MA, 191-191 PA, 200-200 DC, 212-212 MD, 282-282 NC, 303-303 GA, 322-322 FL,
331-331 FL, 372-372 TN, 381-381 TN, 432-432 OH, 462-462 IN, 482-482 MI, 532-532 WI, 554-554 MN, 606-606 IL,
641-641 MO, 701-701 LA, 752-752 TX, 770-770 TX, 782-782 TX, 787-787 TX, 802-802 CO, 841-841 UT, 850-850 AZ,
871-871 NM, 891-891 NV, 900-961 CA, 968-968 HI, 972-972 OR, 981-981 WA"""
state_of = {}
for entry in STATES.split(","):
    digits, state = entry.split()
    first, last = digits.split("-")
    state_of.update({number: state for number in range(int(first), int(last) + 1)})
places = db.sql("SELECT DISTINCT user_location.city AS city, user_location.state AS state, user_location.zip_code::INT AS zip FROM transactions").df()
off = places[places.apply(lambda place: state_of.get(place.zip // 100) != place.state, axis=1)]
if len(off) or places.groupby("zip").city.nunique().max() > 1 or places.groupby("city").state.nunique().max() > 1:
    wrong["zip codes"] = off.head(3).to_dict("records") or "a zip code or a city is in two places"

# Categories: products are spread evenly over 14 of them. 42.6 is passed once in 10,000 times with 13 degrees of freedom.
counts = db.sql("SELECT count(DISTINCT product_id) AS n FROM \"product-updates\" WHERE update_type IS NOT NULL GROUP BY category_id").df().n.to_numpy()
chi_squared = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
if len(counts) != 14:
    wrong["categories"] = f"there are {len(counts)}"
expect_between("chi-squared of categories", 0, chi_squared, 42.6)

# Popularity: the n-th product has a share of 1 / n^0.8, where it is always sold.
ranks = db.sql("""SELECT replace(product_id, 'prod_', '')::INT + 1 AS rank, count(*) AS n FROM transactions
    WHERE rank % 2 = 1 GROUP BY rank HAVING rank < 400""").df()
slope = np.polyfit(np.log(ranks["rank"]), np.log(ranks.n), 1, w=np.sqrt(ranks.n))[0]
# A product stands in for the next one while that is not sold.
expect_between("Zipf's exponent", -0.86, slope, -0.74)

# Faults: in the shares that were asked for, within four standard deviations, and named in the truth file.
asked = {"late": 0.05, "out_of_order": 0.1, "duplicate": 0.01, "malformed": 0.005, "missing": 0.01, "wrong_type": 0.01}
lines = [json.loads(line) for line in open(truth)]
faults = pd.Series([line["fault"] for line in lines if "fault" in line]).value_counts()
raw = open(faulty, "rb").read().splitlines()
records = len(raw) - faults["duplicate"]
for fault, share in asked.items():
    spread = 4 * np.sqrt(records * share * (1 - share))
    expect_between(f"share of {fault}", records * share - spread, faults[fault], records * share + spread)
expect_between("share of fraud", 0.0005 * records, faults.get("fraud", 0), 0.005 * records)

parsed, malformed = [], 0
for line in raw:
    try:
        parsed.append(json.loads(line))
    except ValueError:
        malformed += 1
expect_between("malformed lines", faults["malformed"], malformed, faults["malformed"])
required = ["transaction_id", "user_id", "product_id", "price", "quantity", "timestamp"]
missing = sum(any(record.get(column) is None for column in required) for record in parsed)
expect_between("records that lack a column", faults["missing"], missing, faults["missing"])
whole = [record for record in parsed if all(record.get(column) is not None for column in required)]
good = [r for r in whole if not isinstance(r["price"], str) and not isinstance(r["quantity"], str) and r["timestamp"] != "n/a"]
expect_between("records of a wrong type", faults["wrong_type"], len(whole) - len(good), faults["wrong_type"])

# The truth's totals are those of pandas over the good records, each counted once.
frame = pd.DataFrame([{"id": r["transaction_id"], "time": r["timestamp"], "category": r["category_id"], "user": r["user_id"],
    "cents": round(r["price"] * 100) * r["quantity"] - round(r["discount_applied"] * 100)} for r in good])
if frame.id.duplicated().sum() != faults["duplicate"]:
    wrong["duplicates"] = f"{frame.id.duplicated().sum()} ids come twice, not {faults['duplicate']}"
frame = frame.drop_duplicates("id")
late = {line["id"] for line in lines if line.get("fault") == "late"}
frame["window"] = pd.to_datetime(frame.time).dt.floor("1min")
for kind, column in [("category_id", "category"), ("user_id", "user"), (None, None)]:
    told = {}
    for line in lines:
        groups = [group for group in ("category_id", "user_id") if group in line]
        if line.get("window") == "1m" and groups == ([kind] if kind else []):
            told[(pd.Timestamp(line["window_start"]), line.get(kind))] = (
                line["records"], line["cents"], line["records_on_time"], line["cents_on_time"])
    seen = {}
    for part, at in ((frame, 0), (frame[~frame.id.isin(late)], 2)):
        for key, rows in part.groupby(["window", column] if column else ["window"]):
            key = (key[0], key[1] if column else None)
            seen.setdefault(key, [0, 0, 0, 0])[at:at + 2] = [len(rows), int(rows.cents.sum())]
    if {key: tuple(value) for key, value in seen.items()} != told:
        differing = [key for key in seen if told.get(key) != tuple(seen[key])] or list(set(told) - set(seen))
        wrong[f"totals by {column}"] = f"{len(differing)} differ, as {differing[0]}: {seen.get(differing[0])}, {told.get(differing[0])}"

print(json.dumps(wrong, default=str))

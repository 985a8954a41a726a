"""What killed queries left in their sinks, held against the records that they read: python kills.py, in the test's folder.

in.ndjson is what was produced, and truth.ndjson says which of its rows nobody can use; windows/ is Parquet, raw a Delta
table, once.ndjson the records of a topic, sessions.ndjson and joined.csv rows. Beside each of the first four are the dead
letters of its query, in the same form. raw-spark/ is what Spark reads of the table, once-kcat.ndjson what kcat reads of the
topic. Prints "all right" and what was compared, or what is wrong.
"""

import collections
import json

import duckdb
import pyarrow.dataset
from deltalake import DeltaTable

with open("in.ndjson", "rb") as file:
    lines = file.read().splitlines()
with open("truth.ndjson") as file:
    truth = [json.loads(line) for line in file]
POISON = ("malformed", "missing", "wrong_type")
refused = {line["row"] for line in truth if line.get("fault") in POISON}
assert len(refused) == truth[-1]["refused"] > 0, truth[-1]
with open("good.ndjson", "wb") as file:
    file.writelines(line + b"\n" for row, line in enumerate(lines) if row not in refused)

db = duckdb.connect()
db.sql("""CREATE TABLE records AS SELECT transaction_id AS id, user_id AS u, category_name AS k, quantity AS q, price,
    CAST("timestamp" AS TIMESTAMP) AS t FROM read_json('good.ndjson', format = 'newline_delimited')""")
raw = DeltaTable("raw").to_pyarrow_table()
raw_letters = DeltaTable("raw-letters").to_pyarrow_table()
windows = pyarrow.dataset.dataset("windows", format="parquet").to_table()

FOUND = {
    # The manifest says which files are whole; each is there whole.
    "windows": "SELECT s, k, n, u, q FROM read_parquet('windows/**/*.parquet')",
    "windows by pyarrow": "SELECT s, k, n, u, q FROM windows",
    "raw": "SELECT transaction_id, user_id, price FROM raw",
    "raw by Spark": """SELECT transaction_id, user_id, price
        FROM read_json('raw-spark/*.json', format = 'newline_delimited')""",
    # Each place in the topic is that of a row or of a letter.
    "raw places": """SELECT p, o, count(*) FROM (SELECT _partition AS p, _offset AS o FROM raw
        UNION ALL SELECT "partition", "offset" FROM raw_letters) GROUP BY ALL""",
    "once": "SELECT transaction_id, user_id FROM read_json('once.ndjson', format = 'newline_delimited')",
    "once by kcat": "SELECT transaction_id, user_id FROM read_json('once-kcat.ndjson', format = 'newline_delimited')",
    "sessions": """SELECT CAST(s AS TIMESTAMP), CAST(e AS TIMESTAMP), u, n
        FROM read_json('sessions.ndjson', format = 'newline_delimited')""",
    "joined": "SELECT a, b FROM read_csv('joined.csv')",
}
WANTED = {
    "windows": """SELECT s, k, count(*) AS n, count(DISTINCT u) AS u, sum(q) AS q
        FROM (SELECT *, unnest([time_bucket(INTERVAL 10 SECONDS, t), time_bucket(INTERVAL 10 SECONDS, t) - INTERVAL 10 SECONDS])
        AS s FROM records) GROUP BY s, k""",
    "raw": "SELECT id, u, price FROM records",
    "raw places": """SELECT p, n, 1 FROM (SELECT p, unnest(range(count(*))) AS n FROM (SELECT _partition AS p FROM raw
        UNION ALL SELECT "partition" FROM raw_letters) GROUP BY p)""",
    "once": "SELECT id, any_value(u) FROM records GROUP BY id",
    # A record exactly the gap later still joins its session.
    "sessions": """SELECT min(t), max(t) + INTERVAL 1 MINUTE, u, count(*) FROM (
        SELECT u, t, count(*) FILTER (begins) OVER (PARTITION BY u ORDER BY t, id ROWS UNBOUNDED PRECEDING) AS number
        FROM (SELECT u, t, id, coalesce(t - lag(t) OVER (PARTITION BY u ORDER BY t, id) > INTERVAL 1 MINUTE, TRUE) AS begins
        FROM records)) GROUP BY u, number""",
    "joined": """SELECT a.id, b.id FROM records a JOIN records b ON a.u = b.u AND a.id <> b.id
        AND b.t BETWEEN a.t - INTERVAL 30 SECONDS AND a.t""",
}
WANTED |= {f"{what} by {client}": WANTED[what] for what, client in [("windows", "pyarrow"), ("raw", "Spark"), ("once", "kcat")]}

wrong, compared = {}, {}
for what, wanted in WANTED.items():
    db.sql(f"CREATE OR REPLACE TABLE found AS {FOUND[what]}")
    db.sql(f"CREATE OR REPLACE TABLE wanted AS {wanted}")
    lost = db.sql("FROM wanted EXCEPT ALL FROM found").fetchall()
    more = db.sql("FROM found EXCEPT ALL FROM wanted").fetchall()
    compared[what] = db.sql("SELECT count(*) FROM found").fetchall()[0][0]
    if lost or more:
        wrong[what] = f"{len(lost)} rows are missing, as {lost[:1]}, and {len(more)} too many, as {more[:1]}"


def value(letter):
    """Of a line, where bytes that are no text stand in hexadecimal digits."""
    return bytes.fromhex(letter["value_hex"]) if letter.get("value_hex") else letter["value"].encode()


with open("sessions-letters.ndjson") as in_lines, open("once-letters.hex") as in_topic:
    letters = {
        "windows": [row[0] for row in db.sql("SELECT value FROM read_parquet('windows-letters/*.parquet')").fetchall()],
        "raw": raw_letters["value"].to_pylist(),
        "sessions": [value(json.loads(line)) for line in in_lines],
        "once": [bytes.fromhex(line.strip()) for line in in_topic],
    }
# Producers leave blanks around a line out, and where a row is cut off there may be one.
expected = collections.Counter(lines[row].strip() for row in refused)
for what, values in letters.items():
    found = collections.Counter(values)
    lost, more = expected - found, found - expected
    compared[f"letters of {what}"] = len(values)
    if lost or more:
        wrong[f"letters of {what}"] = f"{lost.total()} are missing, and {more.total()} too many, as {list(more)[:1]}"
print("wrong: " + json.dumps(wrong) if wrong else "all right: " + json.dumps(compared))

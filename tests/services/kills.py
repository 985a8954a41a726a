"""What killed queries left in their sinks, held against the records that they read: python kills.py, in the test's folder.

in.ndjson is what was produced; windows/ is Parquet, raw a Delta table, once.ndjson the records of a topic, sessions.ndjson
and joined.csv rows. Prints "all right" and what was compared, or what is wrong.
"""

import json

import duckdb
from deltalake import DeltaTable

db = duckdb.connect()
db.sql("""CREATE TABLE records AS SELECT transaction_id AS id, user_id AS u, category_name AS k, quantity AS q, price,
    CAST("timestamp" AS TIMESTAMP) AS t FROM read_json('in.ndjson', format = 'newline_delimited')""")
raw = DeltaTable("raw").to_pyarrow_table()

FOUND = {
    # The manifest says which files are whole; each is there whole.
    "windows": "SELECT s, k, n, u, q FROM read_parquet('windows/**/*.parquet')",
    "raw": "SELECT transaction_id, user_id, price FROM raw",
    "raw places": "SELECT _partition, _offset, count(*) FROM raw GROUP BY ALL",
    "once": "SELECT transaction_id, user_id FROM read_json('once.ndjson', format = 'newline_delimited')",
    "sessions": """SELECT CAST(s AS TIMESTAMP), CAST(e AS TIMESTAMP), u, n
        FROM read_json('sessions.ndjson', format = 'newline_delimited')""",
    "joined": "SELECT a, b FROM read_csv('joined.csv')",
}
WANTED = {
    "windows": """SELECT s, k, count(*) AS n, count(DISTINCT u) AS u, sum(q) AS q
        FROM (SELECT *, unnest([time_bucket(INTERVAL 10 SECONDS, t), time_bucket(INTERVAL 10 SECONDS, t) - INTERVAL 10 SECONDS])
        AS s FROM records) GROUP BY s, k""",
    "raw": "SELECT id, u, price FROM records",
    "raw places": """SELECT _partition, n, 1 FROM (SELECT _partition, unnest(range(count(*))) AS n FROM raw
        GROUP BY _partition)""",
    "once": "SELECT id, any_value(u) FROM records GROUP BY id",
    # A record exactly the gap later still joins its session.
    "sessions": """SELECT min(t), max(t) + INTERVAL 1 MINUTE, u, count(*) FROM (
        SELECT u, t, count(*) FILTER (begins) OVER (PARTITION BY u ORDER BY t, id ROWS UNBOUNDED PRECEDING) AS number
        FROM (SELECT u, t, id, coalesce(t - lag(t) OVER (PARTITION BY u ORDER BY t, id) > INTERVAL 1 MINUTE, TRUE) AS begins
        FROM records)) GROUP BY u, number""",
    "joined": """SELECT a.id, b.id FROM records a JOIN records b ON a.u = b.u AND a.id <> b.id
        AND b.t BETWEEN a.t - INTERVAL 30 SECONDS AND a.t""",
}

wrong, compared = {}, {}
for what, wanted in WANTED.items():
    db.sql(f"CREATE OR REPLACE TABLE found AS {FOUND[what]}")
    db.sql(f"CREATE OR REPLACE TABLE wanted AS {wanted}")
    lost = db.sql("FROM wanted EXCEPT ALL FROM found").fetchall()
    more = db.sql("FROM found EXCEPT ALL FROM wanted").fetchall()
    compared[what] = db.sql("SELECT count(*) FROM found").fetchall()[0][0]
    if lost or more:
        wrong[what] = f"{len(lost)} rows are missing, as {lost[:1]}, and {len(more)} too many, as {more[:1]}"
print("wrong: " + json.dumps(wrong) if wrong else "all right: " + json.dumps(compared))

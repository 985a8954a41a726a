"""What killed queries left in their sinks, held against the records that they read: python kills.py, in the test's folder.

in.ndjson and bad.ndjson are what was produced; windows/ is Parquet, raw a Delta table, once.ndjson the records of a topic, sessions.ndjson
and joined.csv rows; events, others.ndjson and more/ what could be used of bad.ndjson, and letters (a Delta table),
letters.json and letters.ndjson what could not. Prints "all right" and what was compared, or what is wrong.
"""

import json

import duckdb
from deltalake import DeltaTable

db = duckdb.connect()
db.sql("""CREATE TABLE records AS SELECT transaction_id AS id, user_id AS u, category_name AS k, quantity AS q, price,
    CAST("timestamp" AS TIMESTAMP) AS t FROM read_json('in.ndjson', format = 'newline_delimited')""")
db.sql("""CREATE TABLE lines AS SELECT line FROM read_csv('bad.ndjson', columns = {'line': 'VARCHAR'}, delim = '\x01',
    quote = '', escape = '', header = false)""")
raw = DeltaTable("raw").to_pyarrow_table()
events, letters = DeltaTable("events").to_pyarrow_table(), DeltaTable("letters").to_pyarrow_table()


def in_lines(file):
    return f"read_json('{file}', format = 'newline_delimited')"


# What could be used, and the letters of what could not, by the query that kept both.
USED = {"events": "events", "others": in_lines("others.ndjson"), "more": "read_parquet('more/*.parquet')"}
LETTERS = {
    "events": """SELECT topic, "partition" AS p, "offset" AS o, decode(value) AS line FROM letters""",
    "others": """SELECT l.topic, l."partition" AS p, l."offset" AS o, l."value" AS line
        FROM (SELECT unnest(letters) AS l FROM read_json('letters.json', maximum_object_size = 1000000000))""",
    "more": f"""SELECT topic, "partition" AS p, "offset" AS o, "value" AS line FROM {in_lines("letters.ndjson")}""",
}

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

for name, letters_of in LETTERS.items():
    # Each record is a row or a letter, once; the letters are the lines that are no JSON, sent without the space at their end.
    places = f"SELECT _partition AS p, _offset AS o FROM {USED[name]} UNION ALL SELECT p, o FROM ({letters_of})"
    FOUND[f"{name} and letters"] = f"SELECT p, o, count(*) FROM ({places}) GROUP BY ALL"
    WANTED[f"{name} and letters"] = f"SELECT p, unnest(range(count(*))), 1 FROM ({places}) GROUP BY p"
    FOUND[f"{name}, how many"] = f"SELECT count(*) FROM ({places})"
    WANTED[f"{name}, how many"] = "SELECT count(*) FROM lines"
    FOUND[f"letters of {name}"] = f"SELECT line FROM ({letters_of})"
    WANTED[f"letters of {name}"] = "SELECT rtrim(line) FROM lines WHERE NOT json_valid(line)"

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

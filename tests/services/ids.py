"""How many lines of JSON are in a file, and how many values of a column they have, by DuckDB: python ids.py COLUMN FILE"""

import sys
import tempfile

import duckdb

column, file = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    db = duckdb.connect(config={"temp_directory": folder, "memory_limit": "2GB", "preserve_insertion_order": "false"})
    rows = f"read_json('{file}', format = 'newline_delimited', columns = {{{column}: 'VARCHAR'}})"
    # Groups go to the disk where memory is short; distinct counts do not.
    each = f"SELECT count(*) AS n FROM {rows} GROUP BY {column}"
    print(*db.execute(f"SELECT sum(n), count(*) FROM ({each})").fetchall()[0])

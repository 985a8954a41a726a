"""How many lines of JSON come in, and how many values of a column they have, by DuckDB: python ids.py COLUMN < FILE"""

import sys
import tempfile

import duckdb

with tempfile.TemporaryDirectory() as folder:
    db = duckdb.connect(config={"temp_directory": folder, "memory_limit": "2GB", "preserve_insertion_order": "false"})
    rows = f"read_json('/dev/stdin', format = 'newline_delimited', columns = {{{sys.argv[1]}: 'VARCHAR'}})"
    # Groups go to the disk where memory is short; distinct counts do not. A relation would be read twice, which a pipe
    # cannot be.
    each = f"SELECT count(*) AS n FROM {rows} GROUP BY {sys.argv[1]}"
    print(*db.execute(f"SELECT sum(n), count(*) FROM ({each})").fetchall()[0])

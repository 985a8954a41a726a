"""How many lines of JSON come in, and how many values of a column they have, by DuckDB: python ids.py COLUMN < FILE"""

import sys
import tempfile

import duckdb

with tempfile.TemporaryDirectory() as folder:
    db = duckdb.connect(config={"temp_directory": folder, "memory_limit": "1GB", "preserve_insertion_order": "false"})
    rows = f"read_json('/dev/stdin', format = 'newline_delimited', columns = {{{sys.argv[1]}: 'VARCHAR'}})"
    # A relation would be read twice, which a pipe cannot be.
    print(*db.execute(f"SELECT count(*), count(DISTINCT {sys.argv[1]}) FROM {rows}").fetchall()[0])

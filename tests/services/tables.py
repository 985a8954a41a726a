"""Readers and writers of tables that nobody here wrote: the Python package of Delta Lake, pyarrow, DuckDB, pandas.

usage: tables.py delta TABLE          what is in a Delta table
       tables.py rows TABLE           its rows, in an order of their own
       tables.py append TABLE ID...   another writer adds rows to it
       tables.py values FOLDER        the values of a partition column, by DuckDB and by pyarrow
       tables.py numbers PLACE        the column n of a Delta table, a folder or a file, in order
       tables.py retype TABLE         another writer writes a Delta table anew, its column n as text
       tables.py anew TABLE ID...     another writer makes a table anew, of rows with these numbers
       tables.py left TABLE           files of no version
       tables.py folder FOLDER        reads a folder of Parquet until FOLDER.stop is there
"""

import glob
import json
import os
import shutil
import sys

import deltalake
import duckdb
import pandas
import pyarrow
import pyarrow.dataset


def delta(path):
    table = deltalake.DeltaTable(path)
    rows = pyarrow.table(table.to_pyarrow_table()).to_pylist()
    files = pyarrow.table(table.get_add_actions(flatten=True)).to_pydict()
    return {
        "version": table.version(),
        "ids": sorted(row["id"] for row in rows),
        "last": max((row["at"].isoformat() for row in rows if row["at"]), default=None),
        "partitions": table.metadata().partition_columns,
        "batch": table.transaction_version("q/out"),
        "records": sum(files["num_records"]),
        "least": min(files["min.id"]),
        "greatest": max(files["max.id"]),
    }


def rows(path):
    table = pyarrow.table(deltalake.DeltaTable(path).to_pyarrow_table())
    return sorted(json.dumps(row, default=str) for row in table.to_pylist())


def append(path, ids):
    columns = deltalake.DeltaTable(path).to_pyarrow_table().schema
    rows = [{"id": int(id), "category": "Books", "day": "2025-07-27", "at": None} for id in ids]
    deltalake.write_deltalake(path, pyarrow.Table.from_pylist(rows, schema=columns), mode="append")
    return {"version": deltalake.DeltaTable(path).version()}


def rows_of(path):
    """By whoever reads such a place."""
    if "://" in path or os.path.isdir(f"{path}/_delta_log"):
        return pyarrow.table(deltalake.DeltaTable(path).to_pyarrow_table())["n"].to_pylist()
    files = [path] if os.path.isfile(path) else glob.glob(f"{path}/**/*.*", recursive=True)
    read = {"parquet": "read_parquet", "csv": "read_csv_auto", "ndjson": "read_json_auto"}
    rows = []
    for file in files:
        # A query that has come to no row yet leaves an empty file.
        if os.path.getsize(file):
            rows += duckdb.sql(f"SELECT n FROM {read[file.rsplit('.')[-1]]}('{file}')").fetchall()
    return [row[0] for row in rows]


def numbers(path):
    return sorted(rows_of(path)) if "://" in path or os.path.exists(path) else []


def retype(path):
    rows = pyarrow.table(deltalake.DeltaTable(path).to_pyarrow_table())
    texts = rows.set_column(0, "n", rows["n"].cast(pyarrow.string()))
    deltalake.write_deltalake(path, texts, mode="overwrite", schema_mode="overwrite")
    return {}


def anew(path, ids):
    table = deltalake.DeltaTable(path)
    columns, parts = pyarrow.table(table.to_pyarrow_table()).schema, table.metadata().partition_columns
    shutil.rmtree(path)
    rows = pyarrow.Table.from_pylist([{"n": int(id), "k": "a"} for id in ids], schema=columns)
    deltalake.write_deltalake(path, rows, partition_by=parts or None)
    return {}


def left(path):
    known = {file.removeprefix("file://") for file in deltalake.DeltaTable(path).file_uris()}
    return sorted(set(glob.glob(f"{path}/**/part-*.parquet", recursive=True)) - known)


def by_manifest(path):
    """As docs/sinks.md shows it."""
    own = duckdb.connect()
    own.execute(f"""
        SET VARIABLE files = (
            SELECT list('{path}/' || file.path)
            FROM (SELECT unnest(files) AS file
                  FROM read_json('{path}/_manifest', format = 'newline_delimited', ignore_errors = true,
                                 columns = {{files: 'STRUCT(path VARCHAR, "rows" BIGINT, bytes BIGINT)[]'}})))""")
    if not own.sql("SELECT getvariable('files')").fetchall()[0][0]:
        return []
    return own.sql("SELECT id, category FROM read_parquet(getvariable('files'), hive_partitioning = true)").fetchall()


def values(path):
    by_duckdb = duckdb.sql(f"SELECT DISTINCT category FROM read_parquet('{path}/**/*.parquet', hive_partitioning = true)")
    by_pyarrow = pyarrow.dataset.dataset(path, format="parquet", partitioning="hive").to_table()["category"]
    order = {"key": lambda value: value or ""}
    return [sorted((row[0] for row in by_duckdb.fetchall()), **order), sorted(set(by_pyarrow.to_pylist()), **order)]


def folder(path):
    """Every read has to succeed, and the manifest gives whole batches of 30 rows."""
    reads, most = 0, 0
    while True:
        is_over = os.path.exists(f"{path}.stop")
        if not os.path.exists(f"{path}/_manifest"):
            continue
        rows = by_manifest(path)
        assert len(rows) % 30 == 0, f"{len(rows)} rows are no whole batches"
        ids = sorted(row[0] for row in rows)
        assert ids == list(range(len(ids))), "not the rows of the first batches"
        if rows:
            globbed = duckdb.sql(f"SELECT count(DISTINCT id) FROM '{path}/**/*.parquet'").fetchall()[0][0]
            frame = pandas.read_parquet(path)
            data = pyarrow.dataset.dataset(path, format="parquet", partitioning="hive").to_table()
            for seen in (globbed, len(frame), data.num_rows):
                assert seen >= len(rows), f"{seen} of {len(rows)} rows"
            assert set(frame["day"].astype(str)) <= {"2025-07-27", "2025-07-28"}
        reads, most = reads + 1, max(most, len(rows))
        if is_over:
            return {"reads": reads, "rows": most}


do, path, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
does = {"delta": delta, "rows": rows, "append": append, "folder": folder, "values": values, "numbers": numbers, "retype": retype,
        "anew": anew, "left": left}
print(json.dumps(does[do](path, *([rest] if rest else []))), flush=True)
# Threads of the libraries do not always let the interpreter end, and sometimes abort it.
os._exit(0)

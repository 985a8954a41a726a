"""Spark reads what queries wrote: `spark_tables.py FOLDER` prints, for each place there, whether it has the rows that
Spark makes of the records in FOLDER/in, and how many files it reads with a filter and without, as JSON."""

import json
import sys

import spark_session
from pyspark.sql import functions as f

folder = sys.argv[1]
spark = spark_session.begin_with_delta()


def files(rows):
    """How many files a scan reads, by its own count."""
    rows.collect()
    scan = rows._jdf.queryExecution().executedPlan().collectLeaves().head()
    return scan.metrics().apply("numFiles").value()


def compare(rows, expected, condition):
    """Both have the same columns, whatever their order."""
    rows = rows.select(*expected.columns)
    missing, more = expected.exceptAll(rows).count(), rows.exceptAll(expected).count()
    few, all_files = files(rows.where(condition)), files(rows)
    return {"rows": rows.count(), "missing": missing, "more": more, "prunes": few < all_files}


def place(name):
    return spark.read.format("parquet" if name == "files" else "delta").load(f"{folder}/{name}")


sent = spark.read.json(f"{folder}/in").columns
records = spark.read.schema(place("appended").select(*sent).schema).json(f"{folder}/in")
windows = records.groupBy(f.window("timestamp", "1 minute").alias("window"), "category_name").agg(
    f.count("*").alias("n"), f.sum("quantity").alias("items")
)
windows = windows.select(f.col("window.start").alias("window_start"), "category_name", "n", "items")
early = records.agg(f.min("timestamp") + f.expr("INTERVAL 1 SECOND")).first()[0]
in_time = f.col("timestamp") < f.lit(early)
seen = {name: compare(place(name), records, in_time) for name in ("appended", "tidied")}
seen["merged"] = compare(place("merged"), windows, f.col("category_name") == "Books")
seen["files"] = compare(place("files"), records, f.col("payment_method") == "paypal")
print(json.dumps(seen))
spark.stop()

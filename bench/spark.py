"""A windowed query of bench/run.sh on Spark: `spark.py SERVERS FOLDER tumbling|sliding|user`; `spark.py warm`
only starts it.

Spark counts distinct users approximately, as it cannot count them exactly on a stream, and leaves the windows
of the last minutes open.
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

import jvm

COLUMNS = "user_id STRING, category_name STRING, price DOUBLE, timestamp TIMESTAMP"

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.jars.packages", "org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.0")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)
if sys.argv[1] == "warm":
    sys.exit()
servers, folder, name = sys.argv[1:]
USERS = [f.approx_count_distinct("user_id").alias("users")]
# Of each query the windows, what they are grouped by, and an aggregate of its own.
QUERIES = {
    "tumbling": (f.window("timestamp", "1 minute"), "category_name", USERS),
    "sliding": (f.window("timestamp", "5 minutes", "1 minute"), "category_name", USERS),
    "user": (f.window("timestamp", "1 minute"), "user_id", []),
}
windows, key, users = QUERIES[name]
records = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", servers)
    .option("subscribe", "transactions")
    .option("startingOffsets", "earliest")
    .option("maxOffsetsPerTrigger", 500000)
    .load()
)
sales = records.select(f.from_json(f.col("value").cast("string"), COLUMNS).alias("sale")).select("sale.*")
aggregates = [f.count("*").alias("n"), f.sum("price").alias("total"), f.avg("price").alias("mean")]
query = (
    sales.withWatermark("timestamp", "10 minutes")
    .groupBy(windows.alias("window"), key)
    .agg(*aggregates, *users)
    .select("window.start", "window.end", key, "n", "total", "mean", *(["users"] if users else []))
    .writeStream.format("csv")
    .option("timestampFormat", "yyyy-MM-dd HH:mm:ss")
    .option("path", f"{folder}/windows")
    .option("checkpointLocation", f"{folder}/checkpoint")
    .trigger(availableNow=True)
    .start()
)
query.awaitTermination()
spark.stop()
jvm.end()

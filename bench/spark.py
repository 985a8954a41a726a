"""The windowed query of bench/run.sh on Spark: `spark.py SERVERS FOLDER`; `spark.py warm` only starts it.

Spark counts distinct users approximately: it cannot count them exactly on a stream.
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

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
servers, folder = sys.argv[1:]
records = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", servers)
    .option("subscribe", "transactions")
    .option("startingOffsets", "earliest")
    .option("maxOffsetsPerTrigger", 500000)
    .load()
)
sales = records.select(f.from_json(f.col("value").cast("string"), COLUMNS).alias("sale")).select("sale.*")
windows = (
    sales.withWatermark("timestamp", "10 minutes")
    .groupBy(f.window("timestamp", "1 minute"), "category_name")
    .agg(f.count("*"), f.sum("price"), f.avg("price"), f.approx_count_distinct("user_id"))
    .toDF("window", "category_name", "n", "total", "mean", "users")
)
query = (
    windows.writeStream.format("parquet")
    .option("path", f"{folder}/windows")
    .option("checkpointLocation", f"{folder}/checkpoint")
    .trigger(availableNow=True)
    .start()
)
query.awaitTermination()

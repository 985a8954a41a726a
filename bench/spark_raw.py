"""Raw transactions from Kafka into a table, by Spark, for bench/raw.sh:

spark_raw.py warm                           only starts it, and fetches what it needs
spark_raw.py write SERVERS FOLDER FORMAT    writes the topic into FOLDER/FORMAT, `delta` or `parquet`
spark_raw.py read OURS THEIRS FORMAT        says whether two tables have the same rows, and how many files of OURS their
                                            first minute takes
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

import jvm

COLUMNS = """transaction_id STRING, user_id STRING, session_id STRING, product_id STRING, product_name STRING,
    category_id STRING, category_name STRING, subcategory STRING, brand STRING, price DOUBLE, quantity INT,
    discount_applied DOUBLE, payment_method STRING, payment_provider STRING, currency STRING, timestamp TIMESTAMP,
    user_location STRUCT<country: STRING, state: STRING, city: STRING, zip_code: STRING, latitude: DOUBLE, longitude: DOUBLE>,
    device_info STRUCT<type: STRING, os: STRING, browser: STRING, user_agent: STRING>,
    marketing_attribution STRUCT<campaign_id: STRING, channel: STRING, referrer: STRING>"""
META = ["CAST(key AS STRING) AS _key", "topic AS _topic", "partition AS _partition", "offset AS _offset",
        "timestamp AS _timestamp"]
DERIVED = ["dayofweek(timestamp) AS day_of_week", "hour(timestamp) AS hour_of_day",
           "price * quantity - coalesce(discount_applied, 0) AS total_amount"]

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.jars.packages",
            "org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.0,io.delta:delta-spark_2.13:4.0.0")
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .config("spark.sql.parquet.compression.codec", "zstd")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)


def write(servers, folder, form):
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", "transactions")
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", 500000)
        .load()
    )
    sales = records.select(f.from_json(f.col("value").cast("string"), COLUMNS).alias("sale"), *map(f.expr, META))
    query = (
        sales.select("sale.*", *[f.col(name.rsplit(" ")[-1]) for name in META])
        .selectExpr("*", *DERIVED)
        .writeStream.format(form)
        .option("checkpointLocation", f"{folder}/{form}-checkpoint")
        .trigger(availableNow=True)
        .start(f"{folder}/{form}")
    )
    query.awaitTermination()


def files(rows):
    """How many files a scan reads, by its own count."""
    rows.collect()
    return rows._jdf.queryExecution().executedPlan().collectLeaves().head().metrics().apply("numFiles").value()


def read(ours, theirs, form):
    tables = [spark.read.format(form).load(place) for place in (ours, theirs)]
    sums = [f.count("*"), f.sum("_offset"), f.sum("quantity"), f.round(f.sum("total_amount"), 2), f.max("timestamp"),
            f.countDistinct("transaction_id")]
    seen = [list(table.agg(*sums).first()) for table in tables]
    assert seen[0] == seen[1], seen
    print(f"Spark finds the same {seen[0][0]} rows in both tables ({form})")
    if form == "delta":
        times = tables[0].select("timestamp")
        first = times.agg(f.min("timestamp")).first()[0]
        minute = times.where(f.col("timestamp") < f.lit(first) + f.expr("INTERVAL 1 MINUTE"))
        every = spark.sql(f"DESCRIBE DETAIL delta.`{ours}`").first()["numFiles"]
        print(f"by the statistics in the log Spark reads {files(minute)} of {every} files for the first minute")


does, *rest = sys.argv[1:]
if does != "warm":
    {"write": write, "read": read}[does](*rest)
spark.stop()
jvm.end()

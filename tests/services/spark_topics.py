"""Spark's connector: `spark_topics.py SERVERS FROM TO FOLDER` copies one topic into another as a stream, in two runs
over one checkpoint, and prints the values of the copy and where its records stand, as JSON."""

import json
import sys

import spark_session

servers, source, copy, folder = sys.argv[1:]
spark = spark_session.begin("org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.0")


def stream():
    """Copies what is there, in small batches."""
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", source)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", 40)
        .option("includeHeaders", "true")
        .load()
    )
    query = (
        records.select("key", "value", "headers")
        .writeStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("includeHeaders", "true")
        .option("topic", copy)
        .option("checkpointLocation", f"{folder}/checkpoint")
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    return query.recentProgress[-1]["sources"][0]["endOffset"]


def read(topic):
    """A batch: everything from the first to the last record."""
    rows = (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", topic)
        .load()
        .selectExpr("CAST(key AS STRING) AS key", "CAST(value AS STRING) AS value")
        .collect()
    )
    return sorted(f"{row.key}:{row.value}" for row in rows)


first = stream()
again = [json.dumps({"n": number}) for number in range(25)]
(
    spark.createDataFrame([("more", value) for value in again], "key STRING, value STRING")
    .write.format("kafka")
    .option("kafka.bootstrap.servers", servers)
    .option("topic", source)
    .save()
)
second = stream()


def total(offsets):
    return sum((json.loads(offsets) if isinstance(offsets, str) else offsets)[source].values())


print(json.dumps({"copied_first": total(first), "copied_then": total(second), "same": read(source) == read(copy),
                  "records": len(read(copy))}))
spark.stop()

"""Runs the golden pipelines on Spark Structured Streaming: tasks (JSON) in, rows by case (JSON) out."""

import json
import os
import pathlib
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import cells
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.memory": "1g",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.streaming.metricsEnabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


def schema(columns):
    return ", ".join(f"`{name}` {kind}" for name, kind in columns)


def batches(files, folder):
    """A folder that hands over one file a batch. Between two of them comes an empty one: Spark judges what
    is late by the watermark of the batch before the last, and the empty batch makes that the last one."""
    names = []
    for number, file in enumerate(files):
        names += [(f"{number:04}.json", pathlib.Path(file).read_bytes()), (f"{number:04}-.json", b"")]
    for second, (name, content) in enumerate(names[:-1]):
        path = pathlib.Path(folder, name)
        path.write_bytes(content)
        # Files are taken in the order of their times.
        os.utime(path, (1_000_000_000 + second,) * 2)


def read(spark, table, folder):
    """The topic as a stream, under its name."""
    batches(table["files"], folder)
    stream = spark.readStream.schema(schema(table["columns"])).option("maxFilesPerTrigger", 1).json(folder)
    stream = stream.withWatermark(table["time"], f"{table['watermark']} seconds")
    derived = [f"{sql} AS `{name}`" for name, sql in table["derived"]]
    stream.selectExpr("*", *derived).createOrReplaceTempView(f"`{table['name']}`")


def last_by(key, columns, rows):
    """Of the rows with the same key the last one."""
    places = [columns.index(name) for name in key]
    return list({json.dumps([row[place] for place in places]): row for row in rows}.values())


def collect(table):
    try:
        return table.collect()
    except ValueError:
        # Python has no times after the year 9999: then as text.
        return table.selectExpr(*(f"CAST(`{name}` AS STRING)" for name in table.columns)).collect()


def run(spark, task, folder):
    for table in task["tables"]:
        inputs = pathlib.Path(folder, table["name"])
        inputs.mkdir()
        read(spark, table, str(inputs))
    for name, file in task["still"]:
        spark.read.csv(file, header=True, inferSchema=True).createOrReplaceTempView(name)
    result = spark.sql(task["sql"])
    sink = result.writeStream.format("memory").queryName("result").outputMode(task["mode"])
    sink.option("checkpointLocation", os.path.join(folder, "checkpoint"))
    query = sink.trigger(availableNow=True).start()
    query.awaitTermination()
    columns = result.columns
    rows = cells.rows(collect(spark.table("result")))
    return {"columns": columns, "rows": last_by(task["key"], columns, rows) if task["key"] else rows}


def answer(spark, task):
    """In a session of its own, which has its own tables."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return run(spark.newSession(), task, folder)
        except PySparkException as error:
            return {"error": str(error).split("\n\nJVM stacktrace")[0].split(";\n")[0]}


def main():
    # Python shows Spark's times in the machine's own zone.
    os.environ["TZ"] = "UTC"
    time.tzset()
    builder = SparkSession.builder.appName("golden")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    with open(sys.argv[1]) as told:
        tasks = json.load(told)
    # A small query waits more than it works: several at once.
    with ThreadPoolExecutor(4) as pool:
        answers = dict(pool.map(lambda task: (task["name"], answer(spark, task)), tasks))
    with open(sys.argv[2], "w") as file:
        json.dump(answers, file)


main()

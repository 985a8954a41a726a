"""Flink's connector: `flink_topics.py SERVERS TOPIC` reads a topic to its end, and prints what it counts, as JSON."""

import json
import pathlib
import sys

from pyflink.java_gateway import get_gateway
from pyflink.table import EnvironmentSettings, TableEnvironment

servers, topic = sys.argv[1:]
jars = pathlib.Path(sys.prefix, "connector").glob("*.jar")
flink = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
flink.get_config().set("pipeline.jars", ";".join(f"file://{jar}" for jar in jars))
flink.get_config().set("parallelism.default", "2")
flink.execute_sql(
    f"""CREATE TABLE numbers (
        `user` STRING, n BIGINT, `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL,
        headers MAP<STRING, BYTES> METADATA VIRTUAL
    ) WITH (
        'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{servers}',
        'properties.isolation.level' = 'read_committed', 'scan.startup.mode' = 'earliest-offset',
        'scan.bounded.mode' = 'latest-offset', 'format' = 'json'
    )"""
)
query = "SELECT count(*), sum(n), count(DISTINCT `user`), count(DISTINCT `partition`), max(`offset`) FROM numbers"
with flink.execute_sql(query).collect() as rows:
    count, total, users, partitions, last = next(iter(rows))
print(json.dumps({"count": count, "sum": total, "users": users, "partitions": partitions, "last": last}))
get_gateway().shutdown()

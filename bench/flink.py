"""A windowed query of bench/run.sh on Flink: `flink.py SERVERS FOLDER tumbling|sliding|user`.

Bounded, two at a time, without checkpoints, to files of CSV.
"""

import pathlib
import sys

from pyflink.java_gateway import get_gateway
from pyflink.table import EnvironmentSettings, TableEnvironment

import jvm

MINUTE, FIVE = "INTERVAL '1' MINUTE", "INTERVAL '5' MINUTES"
# Of each query the windows, what they are grouped by, and an aggregate of its own.
QUERIES = {
    "tumbling": (f"TUMBLE(TABLE transactions, DESCRIPTOR(`timestamp`), {MINUTE})", "category_name", True),
    "sliding": (f"HOP(TABLE transactions, DESCRIPTOR(`timestamp`), {MINUTE}, {FIVE})", "category_name", True),
    "user": (f"TUMBLE(TABLE transactions, DESCRIPTOR(`timestamp`), {MINUTE})", "user_id", False),
}

servers, folder, name = sys.argv[1:]
windows, key, counts_users = QUERIES[name]
jars = pathlib.Path(sys.prefix, "connector").glob("*.jar")
flink = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
for setting, value in {
    "pipeline.jars": ";".join(f"file://{jar}" for jar in jars),
    "parallelism.default": "2",
    "table.local-time-zone": "UTC",
}.items():
    flink.get_config().set(setting, value)
flink.execute_sql(
    f"""CREATE TABLE transactions (
        user_id STRING, category_name STRING, price DOUBLE, `timestamp` TIMESTAMP_LTZ(3),
        WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '10' MINUTES
    ) WITH (
        'connector' = 'kafka', 'topic' = 'transactions', 'properties.bootstrap.servers' = '{servers}',
        'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset',
        'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601'
    )"""
)
flink.execute_sql(
    f"""CREATE TABLE windows (
        window_start TIMESTAMP(3), window_end TIMESTAMP(3), {key} STRING, n BIGINT, total DOUBLE, mean DOUBLE
        {", users BIGINT" if counts_users else ""}
    ) WITH ('connector' = 'filesystem', 'path' = 'file://{folder}', 'format' = 'csv')"""
)
flink.execute_sql(
    f"""INSERT INTO windows
    SELECT window_start, window_end, {key}, count(*), sum(price), avg(price)
        {", count(DISTINCT user_id)" if counts_users else ""}
    FROM TABLE({windows}) GROUP BY window_start, window_end, {key}"""
).wait()
get_gateway().shutdown()
jvm.end()

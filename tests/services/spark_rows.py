"""What Spark reads of a Delta table, as files of JSON: `spark_rows.py TABLE FOLDER COLUMN...`."""

import sys

import spark_session

table, folder, *columns = sys.argv[1:]
spark = spark_session.begin_with_delta()
spark.read.format("delta").load(table).select(*columns).write.json(folder)
spark.stop()

"""A Spark for a test: small, quiet, and in UTC."""

from pyspark.sql import SparkSession

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


def begin_with_delta():
    """One that reads tables of Delta."""
    return begin("io.delta:delta-spark_2.13:4.0.0", DELTA)


def begin(package, more=None):
    """With this package of Maven Central, and further settings."""
    builder = SparkSession.builder.master("local[2]").config("spark.jars.packages", package)
    return builder.config(map=SETTINGS | (more or {})).getOrCreate()

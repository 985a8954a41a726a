"""A Spark for a test: small, quiet, and in UTC."""

from pyspark.sql import SparkSession

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


def begin(package, more=None):
    """With this package of Maven Central, and further settings."""
    builder = SparkSession.builder.master("local[2]").config("spark.jars.packages", package)
    return builder.config(map=SETTINGS | (more or {})).getOrCreate()

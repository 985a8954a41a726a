"""Runs the batch queries of the golden pipelines on DuckDB: tasks (JSON) in, rows by case (JSON) out."""

import json
import sys

import cells
import duckdb


def kind(text):
    """A type of Spark SQL as DuckDB writes it."""
    return text.replace("<", "(").replace(">", ")").replace(": ", " ")


def run(task):
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    for table in task["tables"]:
        columns = ", ".join(f"'{name}': '{kind(text)}'" for name, text in table["columns"])
        files = ", ".join(f"'{file}'" for file in table["files"])
        database.execute(
            f"CREATE TABLE \"{table['name']}\" AS FROM"
            f" read_json([{files}], format = 'newline_delimited', columns = {{{columns}}})"
        )
    for name, file in task["still"]:
        database.execute(f"CREATE TABLE \"{name}\" AS FROM read_csv('{file}', header = true)")
    result = database.execute(task["sql"])
    names = [column[0] for column in result.description]
    return {"columns": names, "rows": cells.rows(result.fetchall())}


def answer(task):
    try:
        return run(task)
    except duckdb.Error as error:
        return {"error": str(error)}


with open(sys.argv[1]) as told:
    tasks = json.load(told)
with open(sys.argv[2], "w") as answers:
    json.dump({task["name"]: answer(task) for task in tasks}, answers)

"""Answers SQL with DuckDB, over tables given as JSON, and prints the answers as JSON lines.

    python3 duckdb_oracle.py TABLES.json QUERIES.json ANSWERS.jsonl

TABLES.json: {"name": {"columns": [["name", "TYPE"], ...], "rows": [[...], ...]}, ...}
An answer is {"rows": [[...], ...]} or {"error": "..."}. Exits with 77 when DuckDB is not installed.
"""

import json
import sys

try:
    import duckdb
except ImportError:
    sys.exit(77)


def main(tables_path, queries_path, answers_path):
    connection = duckdb.connect()
    # A division by zero is NULL there, too, unless it is told to count with infinities.
    connection.execute("SET ieee_floating_point_ops = false")
    with open(tables_path, encoding="utf-8") as file:
        tables = json.load(file)
    for name, table in tables.items():
        columns = ", ".join(f'"{column}" {kind}' for column, kind in table["columns"])
        connection.execute(f'CREATE TABLE "{name}" ({columns})')
        if table["rows"]:
            marks = ", ".join("?" for _ in table["columns"])
            connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', table["rows"])
    with open(queries_path, encoding="utf-8") as file:
        queries = json.load(file)
    with open(answers_path, "w", encoding="utf-8") as file:
        for query in queries:
            try:
                rows = connection.execute(query).fetchall()
                answer = {"rows": [[plain(value) for value in row] for row in rows]}
            except Exception as error:
                answer = {"error": str(error)}
            file.write(json.dumps(answer) + "\n")


def plain(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return float(value)


main(*sys.argv[1:])

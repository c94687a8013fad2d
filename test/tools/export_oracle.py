"""Reads exported files with tools that others wrote, and prints what it found as JSON.

    python3 export_oracle.py DIRECTORY SPEEDSCOPE_SCHEMA

A file whose reader is not installed gives {"missing": "name of the Python package"}.
"""

import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree


def strict(path):
    def pairs(items):
        keys = [key for key, _ in items]
        if len(set(keys)) != len(keys):
            raise ValueError("duplicate key")
        return dict(items)

    def constant(name):
        raise ValueError(name)

    with open(path, "rb") as file:
        return json.loads(file.read().decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)


def folded(path):
    # As flamegraph.pl reads a line: the count is what stands behind the last blank.
    total, stacks, own = 0, 0, {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            found = re.match(r"^(.*)\s+?(\d+(?:\.\d*)?)$", line)
            if not found:
                assert line.startswith("#"), line
                continue
            stack, count = found.group(1).split(";"), int(found.group(2))
            total, stacks = total + count, stacks + 1
            own[stack[-1]] = own.get(stack[-1], 0) + count
    return {"total": total, "stacks": stacks, "self": own}


def speedscope(path, schema):
    try:
        import jsonschema
    except ImportError:
        return {"missing": "jsonschema"}
    document = strict(path)
    with open(schema, encoding="utf-8") as file:
        jsonschema.validate(document, json.load(file))
    frames = document["shared"]["frames"]
    opened, merged = {}, 0
    for profile in document["profiles"]:
        if profile["type"] == "sampled":
            assert len(profile["samples"]) == len(profile["weights"])
            assert all(0 <= frame < len(frames) for sample in profile["samples"] for frame in sample)
            merged += sum(profile["weights"])
            continue
        stack, last = [], profile["startValue"]
        for event in profile["events"]:
            assert event["at"] >= last, "time goes back"
            last = event["at"]
            if event["type"] == "O":
                stack.append(event["frame"])
                name = frames[event["frame"]]["name"]
                opened[name] = opened.get(name, 0) + 1
            else:
                assert stack.pop() == event["frame"], "what is closed was not opened last"
        assert not stack and last <= profile["endValue"]
    return {"merged": merged, "opened": opened, "about": document["elixir_scope"]}


def chrome(path):
    document = strict(path)
    stacks, begun, ends, last, flows = {}, {}, {}, {}, {"s": set(), "f": set()}
    spans = {}
    for event in document["traceEvents"]:
        thread = (event.get("pid"), event.get("tid"))
        kind = event["ph"]
        if kind in "BE":
            assert event["ts"] >= last.get(thread, 0), "time goes back"
            last[thread] = event["ts"]
        if kind == "B":
            stacks.setdefault(thread, []).append(event["name"])
            begun[event["name"]] = begun.get(event["name"], 0) + 1
        elif kind == "E":
            stacks[thread].pop()
            end = event["args"]["end"]
            ends[end] = ends.get(end, 0) + 1
        elif kind in "sf":
            flows[kind].add(event["id"])
        elif kind == "X":
            assert event["dur"] >= 0
            spans[event["cat"]] = spans.get(event["cat"], 0) + 1
        else:
            assert kind in "MCi", kind
    assert all(not stack for stack in stacks.values()), "a begin without an end"
    return {
        "begun": begun,
        "ends": ends,
        "threads": len(stacks),
        "flows": len(flows["s"]),
        "dangling_flows": len(flows["f"] - flows["s"]),
        "spans": spans,
        "about": document["otherData"],
    }


def otlp(path):
    try:
        from google.protobuf import json_format
        from opentelemetry.proto.trace.v1 import trace_pb2
    except ImportError:
        return {"missing": "opentelemetry-proto"}
    document = strict(path)
    # In OTLP's JSON the ids are hexadecimal, in protobuf's base64: the one departure from the mapping.
    import base64

    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
                for link in span.get("links", []):
                    for name in ("traceId", "spanId"):
                        link[name] = base64.b64encode(bytes.fromhex(link[name])).decode()
    data = json_format.ParseDict(document, trace_pb2.TracesData())
    names, errors, ids, parents, traces = {}, 0, set(), {}, {}
    for resource in data.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8
                assert span.end_time_unix_nano >= span.start_time_unix_nano > 0
                assert span.span_id not in ids, "a span id twice"
                ids.add(span.span_id)
                traces[span.span_id] = span.trace_id
                names[span.name] = names.get(span.name, 0) + 1
                errors += span.status.code == 2
                if span.parent_span_id:
                    parents[span.span_id] = span.parent_span_id
    known = [(span, parent) for span, parent in parents.items() if parent in ids]
    assert all(traces[span] == traces[parent] for span, parent in known), "a parent of another trace"
    return {
        "names": names,
        "errors": errors,
        "spans": len(ids),
        "traces": len(set(traces.values())),
        "parents": len(known),
        "orphans": len(parents) - len(known),
    }


def svg(path):
    root = ElementTree.parse(path).getroot()
    space = "{http://www.w3.org/2000/svg}"
    frames = root.find(f"{space}g[@id='frames']")
    rows = [(g.get("data-n"), int(g.get("data-d")), int(g.get("data-x")), int(g.get("data-w"))) for g in frames]
    assert "http" not in "".join(node.text or "" for node in root.iter(f"{space}script"))
    for name, depth, x, width in rows:
        if depth:
            assert any(d == depth - 1 and px <= x and x + width <= px + pw for _, d, px, pw in rows), name
    return {"frames": len(rows), "whole": rows[0][3], "metadata": root.find(f"{space}metadata").text}


def table(path):
    try:
        import duckdb
    except ImportError:
        return {"missing": "duckdb"}
    if path.endswith(".parquet"):
        source = f"read_parquet('{path}')"
    else:
        # A reader without an option for comments gets what is below them.
        with open(path, encoding="utf-8") as file, open(path + ".rows.csv", "w", encoding="utf-8") as rows:
            rows.writelines(line for line in file if not line.startswith("#"))
        source = f"read_csv('{path}.rows.csv', header=true, delim=',', quote='\"', escape='\"')"
    return duckdb.connect(), source


def events(path):
    opened = table(path)
    if isinstance(opened, dict):
        return opened
    connection, source = opened
    kinds = connection.sql(f"select kind, count(*) from {source} group by kind").fetchall()
    calls = connection.sql(
        f"select module, function, arity, count(*) from {source} where kind = 'enter' group by all"
    ).fetchall()
    spent = connection.sql(f"select sum(duration_ns)::bigint from {source}").fetchall()[0][0]
    columns = connection.sql(f"select * from {source} limit 0").columns
    ordered = connection.sql(f"select count(*) from (select time < lag(time) over () as late from {source}) where late")
    return {
        "kinds": dict(kinds),
        "calls": {f"{m}.{f}/{a}": n for m, f, a, n in calls},
        "duration_ns": spent,
        "columns": columns,
        "late": ordered.fetchall()[0][0],
    }


def statistics(path):
    opened = table(path)
    if isinstance(opened, dict):
        return opened
    connection, source = opened
    rows = connection.sql(f"select module, function, arity, calls, errors, self_ns, p95_ns from {source}").fetchall()
    return {
        "rows": {f"{m}.{f}/{a}": [c, e, s] for m, f, a, c, e, s, _ in rows},
        "self_ns": connection.sql(f"select sum(self_ns)::bigint from {source}").fetchall()[0][0],
    }


def arrow(path):
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        return {"missing": "pyarrow"}
    file = parquet.ParquetFile(path)
    metadata = {k.decode(): v.decode() for k, v in file.metadata.metadata.items() if k.startswith(b"elixir_scope")}
    read = file.read()
    read.validate(full=True)
    schema = {field.name: str(field.type) for field in file.schema_arrow}
    return {"rows": read.num_rows, "schema": schema, "metadata": metadata, "groups": file.metadata.num_row_groups}


def main(directory, schema):
    path = lambda name: os.path.join(directory, name)
    print(
        json.dumps(
            {
                "folded": folded(path("folded")),
                "speedscope": speedscope(path("speedscope"), schema),
                "chrome": chrome(path("chrome")),
                "otlp": otlp(path("otlp")),
                "svg": svg(path("svg")),
                "events_csv": events(path("events.csv")),
                "events_parquet": events(path("events.parquet")),
                "statistics_csv": statistics(path("statistics.csv")),
                "statistics_parquet": statistics(path("statistics.parquet")),
                "arrow_events": arrow(path("events.parquet")),
                "arrow_statistics": arrow(path("statistics.parquet")),
            }
        )
    )


main(*sys.argv[1:])

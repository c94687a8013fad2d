"""What joins processes in exported files, read by itself: flows of a Chrome trace, and spans of OTLP.

    python3 flows_oracle.py CHROME OTLP

Every flow must have one beginning and one end, each within a slice of its own thread; every span a parent that began before it,
in the same trace.
"""

import bisect
import json
import sys


def chrome(path):
    with open(path, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    names, slices, open_slices, flows, spans = {}, {}, {}, {}, {}
    for event in events:
        track = (event["pid"], event.get("tid"))
        kind = event["ph"]
        if kind == "M" and event["name"] == "thread_name":
            names[track] = event["args"]["name"]
        elif kind == "B":
            open_slices.setdefault(track, []).append(event["ts"])
        elif kind == "E":
            slices.setdefault(track, []).append((open_slices[track].pop(), event["ts"]))
        elif kind == "X":
            slices.setdefault(track, []).append((event["ts"], event["ts"] + event["dur"]))
            if event["pid"] != 1:
                spans.setdefault(event["cat"], []).append([names[track], event["ts"], event["dur"]])
        elif kind in "sf":
            flows.setdefault(event["id"], []).append(event)
    for own in slices.values():
        own.sort()

    def bound(event):
        own = slices.get((event["pid"], event["tid"]), [])
        upto = bisect.bisect_right(own, (event["ts"], float("inf")))
        return any(end >= event["ts"] for _, end in own[:upto])

    found, problems = [], []
    for number, pair in flows.items():
        if sorted(event["ph"] for event in pair) != ["f", "s"]:
            problems.append(f"flow {number} has {[event['ph'] for event in pair]}")
            continue
        start, end = sorted(pair, key=lambda event: event["ph"] == "f")
        if end.get("bp") != "e":
            problems.append(f"flow {number} binds to the next slice")
        if start["cat"] != end["cat"] or start["name"] != end["name"]:
            problems.append(f"flow {number} has two names")
        for event in pair:
            if not bound(event):
                problems.append(f"flow {number} is bound to no slice")
        sides = [names[(event["pid"], event["tid"])] for event in (start, end)]
        found.append([start["cat"], start["name"], start["args"]["certainty"], *sides])
    # Of what the VM does with one process, nothing overlaps.
    for category, own in spans.items():
        last = {}
        for name, ts, dur in sorted(own, key=lambda span: span[1]):
            if ts + 1e-3 < last.get(name, 0):
                problems.append(f"{category} of {name} overlaps")
            last[name] = ts + dur
    return {"flows": found, "problems": problems, "spans": {name: len(own) for name, own in spans.items()}}


def otlp(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    spans, problems = {}, []
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                attributes = {item["key"]: item["value"] for item in span["attributes"]}
                spans[span["spanId"]] = {
                    "trace": span["traceId"],
                    "parent": span.get("parentSpanId"),
                    "start": int(span["startTimeUnixNano"]),
                    "thread": attributes["thread.name"]["stringValue"],
                    "name": span["name"],
                    "links": [
                        [link["traceId"], link["spanId"], link["attributes"][0]["value"]["stringValue"]]
                        for link in span.get("links", [])
                    ],
                }
    for number, span in spans.items():
        parent = spans.get(span["parent"])
        if parent and parent["trace"] != span["trace"]:
            problems.append(f"{span['name']} has a parent of another trace")
        # Clocks of two processors differ a little.
        if parent and parent["start"] > span["start"] + 50_000:
            problems.append(f"{span['name']} began before its parent")
        for trace, linked, _ in span["links"]:
            if linked in spans and spans[linked]["trace"] != trace:
                problems.append(f"{span['name']} is linked to a wrong trace")
    return {"spans": spans, "problems": problems}


print(json.dumps({"chrome": chrome(sys.argv[1]), "otlp": otlp(sys.argv[2])}))

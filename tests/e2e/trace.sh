#!/bin/sh
# bench --profile: a trace that a reader of Chrome's format accepts, in which the layers of each run follow one another.
. "${0%/*}/lib.sh"
expect 0 "$NNCC" "$SOURCE/examples/digits/cnn.nn" -o cnn.so
expect 0 "$NNCC" bench cnn.so --seconds 0.05 --batch 3 --threads 2 --profile=trace.json
says out "latency"
cat >check.py <<'P'
import json, sys
trace = json.load(open(sys.argv[1]))
events = trace["traceEvents"]
assert trace["displayTimeUnit"] == "ms"
names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M"}
assert sorted(names.values()) == ["cnn", "layers"], names
spans = [e for e in events if e["ph"] == "X"]
assert len(spans) + len(names) == len(events)
for e in spans: assert e["ts"] >= 0 and e["dur"] >= 0 and e["pid"] == 1 and e["tid"] in names, e
runs = [e for e in spans if names[e["tid"]] == "cnn"]
layers = [e for e in spans if names[e["tid"]] == "layers"]
assert len(runs) == 8 and len(layers) % len(runs) == 0
n = len(layers) // len(runs)
for k, run in enumerate(runs):
    mine = layers[k * n:(k + 1) * n]
    assert any("layer2" in e["name"] for e in mine) and any(e["args"]["GFLOP/s"] > 0 for e in mine)
    end = run["ts"]
    for e in mine:
        assert abs(e["ts"] - end) < 1e-2, (e, end)
        end = e["ts"] + e["dur"]
    assert end <= run["ts"] + run["dur"] + 1, "layers take longer than their run"
    run["layers"] = (end - run["ts"]) / run["dur"]
    if k: assert run["ts"] >= runs[k - 1]["ts"] + runs[k - 1]["dur"] - 1e-2
assert max(run["layers"] for run in runs) > 0.2, "most of every run is in no layer"
P
"$PYTHON" check.py trace.json || fail "the trace"
expect 1 "$NNCC" bench cnn.so --runs 1 --profile=no/such/trace.json
says err "no/such/trace.json: error: cannot be written: No such file or directory"
expect 1 "$NNCC" bench cnn.so --runs 1 --profile=/dev/full
expect 2 "$NNCC" bench cnn.so --streams 2 --profile=trace.json
finish

"""Compares what an API answers with what it says of itself: consumers_api.py URL STATUS-SCHEMA."""

import json
import sys
import urllib.error
import urllib.request

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

url, schema = sys.argv[1:]
NAME = "transaction_consumer"


def answer(method, path):
    request = urllib.request.Request(url + path, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        kind = response.headers.get_content_type()
        first = response.readline() if kind == "text/event-stream" else response.read()
        return response.status, kind, first


api = json.loads(answer("GET", "/openapi.json")[2])
validate(api)

read = asked = 0
for path, methods in api["paths"].items():
    for method, described in methods.items():
        status, kind, body = answer(method.upper(), path.replace("{name}", NAME))
        content = described["responses"][str(status)]["content"]
        assert kind in content, (path, kind)
        if kind == "application/json":
            whole = {**content[kind]["schema"], "components": api["components"]}
            Draft202012Validator(whole).validate(json.loads(body))
        if method == "get":
            read += 1
        else:
            asked += 1
    # Nothing that is not described is done.
    undescribed = "DELETE" if "delete" not in methods else "PATCH"
    try:
        raise AssertionError(answer(undescribed, path.replace("{name}", NAME)))
    except urllib.error.HTTPError as refused:
        assert refused.code == 405, refused

with open(schema) as file:
    status_schema = json.load(file)
Draft202012Validator.check_schema(status_schema)
status = json.loads(answer("GET", "/api/v1/streaming/status")[2])
Draft202012Validator(status_schema).validate(status)
assert len(status["consumer_details"]) == 2, status
details = status["consumer_details"][NAME]


def with_details(**changed):
    return {**status, "consumer_details": {NAME: {**details, **changed}}}


def without(fields, name):
    return {key: value for key, value in fields.items() if key != name}


broken = [{**status, "overall_status": "fine"}, {**status, "more": 1}, with_details(status="fine"), with_details(more=1)]
broken.append({**status, "consumer_details": {NAME: without(details, "last_error")}})
broken += [with_details(metrics=without(details["metrics"], name)) for name in details["metrics"]]
broken.append(with_details(metrics={**details["metrics"], "more": 1}))
assert Draft202012Validator(status_schema).is_valid(with_details())
for document in broken:
    assert not Draft202012Validator(status_schema).is_valid(document), document

print(f"{read} paths read, {asked} asked to do something, 1 status document")

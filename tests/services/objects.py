"""A store that speaks S3's protocol (moto), and what people do there by boto3, at AWS_ENDPOINT_URL.

usage: objects.py serve                    a store of its own on a free port, which it prints; no request is checked
       objects.py serve guarded            the same; nobody has a right to anything
       objects.py serve careless           the same; it passes over the conditions of writes
       objects.py bucket BUCKET            creates a bucket
       objects.py keys BUCKET PREFIX       the names of the objects there
       objects.py damage BUCKET KEY        changes a byte of an object
"""

import io
import json
import os
import sys
import threading


def serve(how="open"):
    if how == "guarded":
        os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    store = DomainDispatcherApplication(create_backend_app)
    # It looks at a condition and writes in two steps: one request at a time makes them one, as S3 has it.
    turn = threading.Lock()

    def answer(request, start):
        length = int(request.get("CONTENT_LENGTH") or 0)
        request["wsgi.input"] = io.BytesIO(request["wsgi.input"].read(length))
        if how == "careless":
            request.pop("HTTP_IF_MATCH", None)
            request.pop("HTTP_IF_NONE_MATCH", None)
        with turn:
            return [b"".join(store(request, start))]

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    print(server.port, flush=True)
    server.serve_forever()


def client():
    import boto3

    return boto3.client("s3")


def bucket(name):
    client().create_bucket(Bucket=name)
    print(name)


def keys(bucket, prefix):
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    print(json.dumps([found["Key"] for page in pages for found in page.get("Contents", [])]))


def damage(bucket, key):
    store = client()
    bytes = bytearray(store.get_object(Bucket=bucket, Key=key)["Body"].read())
    bytes[len(bytes) // 2] ^= 1
    store.put_object(Bucket=bucket, Key=key, Body=bytes)
    print(key)


{"serve": serve, "bucket": bucket, "keys": keys, "damage": damage}[sys.argv[1]](*sys.argv[2:])

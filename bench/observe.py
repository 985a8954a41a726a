"""Looks at a process that runs consumers until one of them has ended: python observe.py ADDRESS CONSUMER STREAMS RATE

The status once a second, and the metrics RATE times a second, or every 15 seconds where that is 0, as Prometheus asks; so many
STREAMS of events besides. Prints what came: seconds, events, answers with metrics. The standard library is enough for it.
"""

import asyncio
import json
import sys
import time

PREFIX = "/api/v1/streaming"
# Clients that ask for metrics, each on a connection of its own.
ASKING = 10


class Client:
    """Asks on one connection, which is opened anew when the server has closed it."""

    def __init__(self, address):
        self.address = address
        self.reader = self.writer = None

    async def send(self, path):
        if self.writer is None or self.reader.at_eof():
            self.reader, self.writer = await asyncio.open_connection(*self.address.split(":"))
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.address}\r\n\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        if " 200 " not in head.splitlines()[0]:
            sys.exit(f"{path}: {head.splitlines()[0]}")
        return dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)

    async def get(self, path):
        length = (await self.send(path)).get("content-length")
        return await (self.reader.readexactly(int(length)) if length else self.reader.read())


async def follow(address, got):
    client = Client(address)
    await client.send(f"{PREFIX}/events")
    while line := await client.reader.readline():
        got["events"] += line.startswith(b"event: status")


async def scrape(address, every, first, got):
    client, due = Client(address), time.monotonic() + first
    while True:
        await asyncio.sleep(due - time.monotonic())
        await client.get("/metrics")
        got["metrics"] += 1
        due += every


async def main(address, consumer, streams, rate):
    got, began, client = {"events": 0, "metrics": 0}, time.monotonic(), Client(address)
    tasks = [asyncio.create_task(follow(address, got)) for _ in range(streams)]
    for number in range(ASKING if rate else 1):
        every = ASKING / rate if rate else 15
        tasks.append(asyncio.create_task(scrape(address, every, every * number / ASKING, got)))
    while True:
        details = json.loads(await client.get(f"{PREFIX}/status"))["consumer_details"][consumer]
        for task in tasks:
            if task.done():
                task.result()
                sys.exit("a client was turned away")
        if details["status"] == "stopped":
            break
        if details["total_failures"]:
            sys.exit(f"{consumer}: {details['last_error']}")
        await asyncio.sleep(1)
    print(f"{time.monotonic() - began:.2f} {got['events']} {got['metrics']}")


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))

"""Celery and RQ doing the same jobs, run by an environment of their own: `celery -A peers worker`.

`python peers.py celery|rq JOB NUMBER` sends them jobs. Like the project's worker they run eight at
a time where they can: Celery with threads, RQ without its fork per job, which costs it most.
"""
# Its packages are not those of the checkout that type-checks this file.
# mypy: ignore-errors

from __future__ import annotations

import os
import sys
import time

import redis
from celery import Celery
from rq import Queue

URL = os.environ["REDIS_URL"]
client = redis.Redis.from_url(URL)
app = Celery("peers", broker=URL)
app.conf.task_ignore_result = True


def nothing() -> None:
    client.incr("bench:done")


def ten_ms() -> None:
    time.sleep(0.01)
    client.incr("bench:done")


JOBS = {"nothing": nothing, "ten_ms": ten_ms}
TASKS = {name: app.task(function, name=name) for name, function in JOBS.items()}


if __name__ == "__main__":
    way, job, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    queue = Queue(connection=client)
    for _ in range(number):
        if way == "celery":
            TASKS[job].delay()
        else:
            queue.enqueue(f"peers.{job}", result_ttl=0)

"""A record of a run that never was, with round figures."""

from dataclasses import replace
from datetime import UTC, datetime

from lab.report.growth import MIB
from lab.report.record import (
    LeakingLine,
    LeakStep,
    Measured,
    Plan,
    Record,
    Sample,
    Second,
)

SECONDS = 10

LEAKY = Measured(
    seconds=12.0,
    pool_capacity=50,
    exhausted=["asyncpg", "engine"],
    timeouts=40,
    restarts=1,
    leaked=60,
    fates={"answered": 20, "wrong answer": 70, "timed out": 10},
    pool_wait_p95=5.0,
    latency={"p50": 4.0, "p99": 6.0},
    lateness_p99=0.002,
    samples=[
        Sample(
            at=float(second),
            alive=True,
            lent=min(50, 10 * second),
            waiting=5 * second,
            leaked=min(50, 10 * second),
            timeouts=4 * second,
            pool_wait_p95=None if second < 5 else 5.0,
            backends=20 + second,
            service_bytes=(100 + second) * MIB,
            backends_bytes=(20 + 2 * second) * MIB,
            full_collections=second // 4,
            loop_lag=0.001,
        )
        for second in range(SECONDS)
    ],
    per_second=[Second(second, 10, 8, 5.0) for second in range(SECONDS)],
    lines=[
        LeakingLine("app/orders/before.py:30 list_orders", "engine", 40),
        LeakingLine("app/analytics/before.py:16 get", "asyncpg", 20),
    ],
)

FIXED = replace(
    LEAKY,
    exhausted=[],
    timeouts=0,
    restarts=0,
    leaked=0,
    fates={"answered": 100},
    pool_wait_p95=0.001,
    latency={"p50": 0.004, "p99": 0.02},
    samples=[
        replace(
            sample,
            lent=2,
            waiting=0,
            leaked=0,
            timeouts=0,
            service_bytes=100 * MIB,
            backends_bytes=20 * MIB,
        )
        for sample in LEAKY.samples
    ],
    per_second=[Second(second, 10, 0, 0.02) for second in range(SECONDS)],
    lines=[],
)

RECORD = Record(
    written=datetime(2026, 11, 24, 22, tzinfo=UTC),
    interrupted=None,
    plan=Plan(
        rate=10.0,
        seconds=SECONDS,
        seed=1,
        pool_timeout=5.0,
        request_timeout=10.0,
        warm_up_seconds=5.0,
    ),
    machine={"CPU": "a processor", "load average before": "0.1"},
    versions={"Python": "3.11"},
    settings={"POOL_SIZE": "20"},
    variants={"before": LEAKY, "after": FIXED},
    leak_steps=[
        LeakStep(leaked, 100 * MIB + leaked * MIB // 32, leaked * MIB)
        for leaked in range(11)
    ],
)

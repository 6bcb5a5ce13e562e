"""A made-up run with round figures."""

from dataclasses import replace
from datetime import UTC, datetime

from lab.report.demo_run import (
    DemoPlan,
    DemoRun,
    LeakingLine,
    LeakStep,
    Sample,
    Second,
    VariantResult,
)
from lab.report.memory import MIB

SECONDS = 10

LEAKY = VariantResult(
    seconds=12.0,
    capacity={"asyncpg": 20, "engine": 30},
    timeouts=40,
    restarts=1,
    leaked=60,
    endings={"ok": 20, "wrong status": 70, "timeout": 10},
    pool_wait_p95=5.0,
    latency={"p50": 4.0, "p99": 6.0},
    lateness_p99=0.002,
    samples=[
        Sample(
            at=float(second),
            in_use={"asyncpg": min(20, 5 * second), "engine": 2 * second},
            leaked=min(38, 7 * second),
            pool_wait_p95=None if second < 5 else 5.0,
            service_bytes=(100 + second) * MIB,
            postgresql_bytes=(20 + 2 * second) * MIB,
            full_collections=second // 4,
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
    timeouts=0,
    restarts=0,
    leaked=0,
    endings={"ok": 100},
    pool_wait_p95=0.0004,
    latency={"p50": 0.004, "p99": 0.02},
    samples=[
        replace(
            sample,
            in_use={"asyncpg": 1, "engine": 2},
            leaked=0,
            service_bytes=100 * MIB,
        )
        for sample in LEAKY.samples
    ],
    per_second=[Second(second, 10, 0, 0.02) for second in range(SECONDS)],
    lines=[],
)

RUN = DemoRun(
    written=datetime(2026, 11, 24, 22, tzinfo=UTC),
    interrupted=None,
    plan=DemoPlan(
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


def longer(seconds: int, each_hour: float) -> VariantResult:
    """The fixed service, longer, after a warm-up that took 10 MiB."""
    sample = FIXED.samples[0]

    def service_bytes(second: int) -> int:
        warm_up = 10 * min(1, second / 120)
        return round((100 + warm_up + each_hour * second / 3600) * MIB)

    return replace(
        FIXED,
        samples=[
            replace(sample, at=second, service_bytes=service_bytes(second))
            for second in range(seconds)
        ],
        per_second=[Second(second, 10, 0, 0.02) for second in range(seconds)],
    )

"""Lesson fire_and_forget: a task that nobody awaits has the connection.

A dependency would close the session under the task's hands, so somebody
opened it by hand, for the task to close it. Now the request ends and its
connection stays lent: poolwatch calls that a leak, as nothing says when it
ends. It ends with the task, and the task when the warehouse has answered.
"""

from app.lesson import Lesson, LongHold, Scenario, Trap
from app.lessons.fire_and_forget import after, before
from app.lessons.fire_and_forget.query import cancel_tasks

lesson = Lesson(
    name="fire_and_forget",
    title="A session handed to a task that outlives its request",
    mistake="`asyncio.create_task(job(session))`, and the request ends first",
    cure="read in the request; hand the task values",
    heals_by="exit",
    source="skyportal#1884, where a callback outlived its handler",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold(
            "a busy warehouse",
            "/orders/1/shipment",
            status=202,
            method="POST",
        ),
        Scenario(
            "an unknown order",
            "/orders/2147483647/shipment",
            status=404,
            method="POST",
        ),
    ),
    trap=Trap(
        "a larger pool",
        "requests end before their tasks do, so nothing slows the clients"
        " down: tasks grow in number until any pool is lent",
        settings={"POOL_BUFFER": "20"},
    ),
    forget=cancel_tasks,
)

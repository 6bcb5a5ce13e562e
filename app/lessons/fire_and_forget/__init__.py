"""Lesson fire_and_forget: a task that nobody awaits has the connection.

A dependency would close the session under the task's hands, so somebody
opened it by hand, for the task to close it. Now the request ends and its
connection stays lent: poolwatch calls that a leak, as nothing says when it
ends. It ends with the task, and the task when the warehouse has answered.
"""

from app.lesson import Cure, Lesson, LongHold, Scenario, Trap
from app.lessons.fire_and_forget import after, before
from app.lessons.fire_and_forget.shared import cancel_tasks

lesson = Lesson(
    name="fire_and_forget",
    title="A session handed to a task that outlives its request",
    story="Customers need not wait for the warehouse any more: they get"
    " their answer, and the warehouse is told meanwhile. Response times"
    " are splendid since. At stock-taking, when the warehouse is slow,"
    " the pool runs dry.",
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
    other_cure=Cure(
        "a block in each, handler and task",
        "each gives back after its question, so nothing is lent while the"
        " warehouse is told",
    ),
    hints=(
        (
            "Keep the warehouse silent (`PUT /lab/provider`) and ship an"
            " order. `/poolwatch/loans` calls its loan leaked, as the request"
            " has ended. Which line has borrowed it, and who has it now?"
        ),
        (
            "Nothing waits for a task that was created and not awaited. It"
            " takes the session along, and with it the connection, for as"
            " long as the warehouse takes; and no limit says how many of them"
            " there are."
        ),
        (
            "Read in the request, from `SessionDep`, all that the task"
            " needs, and hand it values: no session. What a task must ask"
            " later, it asks in a session of its own, open for that question."
        ),
    ),
    forget=cancel_tasks,
)

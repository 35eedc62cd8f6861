"""The tool that looks up employees."""

from __future__ import annotations

from typing import Annotated

from assistant.agent import assistant_tool
from helpdesk.context import HelpdeskToolContext, caller_of
from helpdesk.permissions import grants_of
from helpdesk.records.employees import Employees
from helpdesk.records.keys import RecordNumber
from helpdesk.tools.base import answer, step


@assistant_tool
async def get_employee(
    context: HelpdeskToolContext, employee_id: Annotated[RecordNumber, "The employee's number."]
) -> str:
    """Look up an employee by number: name, status and department."""
    caller = caller_of(context)
    table = context.context.request_context.resources.table
    async with step(context, f"Looking up employee {employee_id}", "profile-card"):
        employee = await Employees(table, caller.tenant_id).get(employee_id)
    if employee is None:
        return answer(id=employee_id, name="Unknown", status="not_found")
    contact = {"email": employee.email} if grants_of(caller).employee_contact else {}
    return answer(
        id=employee.number, name=employee.name, status=employee.status, department=employee.department, **contact
    )

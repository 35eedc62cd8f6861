/** What can be mentioned here: the people and tasks of the sample data. A product would ask its own backend. */
const ENTITIES = [
  { id: "employee-7", title: "Zeeshan", group: "People", icon: "profile", interactive: true, data: { employee_id: "7", type: "employee" } },
  { id: "task-1", title: "Task 1", group: "Tasks", icon: "check-circle", interactive: true, data: { task_id: "1", type: "task" } },
  { id: "task-2", title: "Task 2", group: "Tasks", icon: "check-circle", interactive: true, data: { task_id: "2", type: "task" } },
];

export async function findEntities(query) {
  const wanted = query.toLowerCase();
  return ENTITIES.filter((entity) => entity.title.toLowerCase().includes(wanted));
}

/** What a pointer over an entity shows. */
export async function previewEntity(entity) {
  const facts = Object.entries(entity.data ?? {}).map(([name, value]) => ({ type: "Caption", value: `${name}: ${value}` }));
  const children = [{ type: "Title", value: entity.title, size: "sm" }, ...facts];
  return { preview: { type: "Basic", children, gap: 1 } };
}

import { idsIn } from '../schema/read-schema';
import type { NamedShapes, Shape } from '../schema/shape';

/** The named schemas that some shapes lead to, in an order in which code can define them. */
export interface OrderedSchemas {
  /** What a schema needs stands before it, except within a circle. */
  ids: readonly string[];
  /** Schemas that lead back to themselves. */
  recursive: ReadonlySet<string>;
  /** How often each is named. */
  uses: ReadonlyMap<string, number>;
}

interface Visit {
  id: string;
  inner: string[];
  next: number;
}

/** Finds and orders them: Tarjan's search for circles, with a stack of its own, since documents may lead deep. */
export function orderedSchemas(shapes: readonly Shape[], names: NamedShapes): OrderedSchemas {
  const uses = new Map<string, number>();
  const innerOf = (shape: Shape | undefined): string[] => {
    const ids = shape ? [...idsIn(shape)] : [];
    for (const id of ids) uses.set(id, (uses.get(id) ?? 0) + 1);
    return [...new Set(ids)];
  };
  const ids: string[] = [];
  const recursive = new Set<string>();
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const visits: Visit[] = [];
  const enter = (id: string): void => {
    index.set(id, index.size);
    low.set(id, index.size - 1);
    stack.push(id);
    onStack.add(id);
    visits.push({ id, inner: innerOf(names.find(id)), next: 0 });
  };
  const lower = (id: string, to: number | undefined): void => {
    low.set(id, Math.min(low.get(id) ?? 0, to ?? 0));
  };
  const leave = ({ id, inner }: Visit): void => {
    const parent = visits.at(-1);
    if (parent) lower(parent.id, low.get(id));
    if (low.get(id) !== index.get(id)) return;
    const circle = stack.splice(stack.indexOf(id));
    for (const member of circle) onStack.delete(member);
    if (circle.length > 1 || inner.includes(id)) circle.forEach((member) => recursive.add(member));
    ids.push(...circle.reverse());
  };
  for (const start of shapes.flatMap(innerOf)) {
    if (index.has(start)) continue;
    enter(start);
    for (let visit = visits.at(-1); visit; visit = visits.at(-1)) {
      const next = visit.inner[visit.next];
      visit.next += 1;
      if (next === undefined) {
        visits.pop();
        leave(visit);
      } else if (!index.has(next)) enter(next);
      else if (onStack.has(next)) lower(visit.id, index.get(next));
    }
  }
  return { ids, recursive, uses };
}

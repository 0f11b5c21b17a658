import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { plaidDocument, requestOf } from './documents';
import { inputsOf } from './examples';
import { validatorOf } from './validator';
import type { DocumentValidator } from './validator';

/** Complaints about the requests of a task: what the document's own schemas say about the body and the parts of the path. */
function complaintsAbout(task: HttpTask, input: unknown, validator: DocumentValidator): string[] {
  const { path, body } = requestOf(task, input);
  const verb = task.method.toLowerCase();
  const complaints: (string | undefined)[] = [];
  const isJson = task.bodyForm === undefined || task.bodyForm.as === 'json';
  if (isJson && body !== undefined) complaints.push(validator.body(task.path, verb, JSON.parse(String(body))));
  const route = new RegExp(
    `${task.path.replace(/[.*+?^$()[\]|\\]/g, '\\$&').replace(/\{[^}]+\}/g, '([^/?]+)')}(\\?|$)`,
  ).exec(path);
  if (!route) return [`${path} is not ${task.path}`];
  [...task.path.matchAll(/\{([^}]+)\}/g)].forEach(([, name], place) => {
    const text = decodeURIComponent(route[place + 1]!);
    // In a path everything is text; the document may mean a number.
    const asText = validator.parameter(task.path, verb, name!, text);
    complaints.push(asText && validator.parameter(task.path, verb, name!, Number(text)));
  });
  return complaints.filter((complaint) => complaint !== undefined);
}

function expectValid(text: string, numRuns: number): HttpTask[] {
  const { tasks, report } = tasksFromOpenApi(text, { service: 'shop' });
  expect(report.skipped).toEqual([]);
  const validator = validatorOf(load(text) as Record<string, unknown>);
  for (const task of tasks) {
    fc.assert(
      fc.property(inputsOf(task), (input) => {
        expect({ task: task.name, input, complaints: complaintsAbout(task, input, validator) }).toEqual({
          task: task.name,
          input,
          complaints: [],
        });
      }),
      { numRuns },
    );
  }
  return [...tasks];
}

const fixture = (name: string): string => readFileSync(join(__dirname, 'fixtures', name), 'utf8');

it.each(['plaid-excerpt.yml', 'shop.yml'])(
  'every request that a task of %s makes is one that the document allows',
  (name) => {
    expectValid(fixture(name), 100);
  },
);

it('the validator notices a request that the document does not allow', () => {
  const validator = validatorOf(load(fixture('plaid-excerpt.yml')) as Record<string, unknown>);
  expect(validator.body('/user/items/remove', 'post', { item_ids: [] })).toBeDefined();
  expect(validator.body('/user/items/remove', 'post', { item_ids: ['a'] })).toBeUndefined();
});

const whole = plaidDocument();

if (whole === undefined) {
  it("goes without Plaid's whole document, which is not at ../shared/openapi; its traps are in the excerpt", () => {
    process.stderr.write("Plaid's whole document is not at ../shared/openapi: tested with the excerpt only.\n");
    expect(fixture('plaid-excerpt.yml')).toContain('operationId: userItemsRemove');
  });
} else {
  it("every request of every operation of Plaid's whole document is one that the document allows", () => {
    expect(expectValid(whole, 4)).toHaveLength(329);
  }, 240_000);
}

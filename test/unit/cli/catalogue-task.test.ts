import { asRoute, catalogueTask } from '@temporal-http-tasks/cli/internal/tasks/catalogue-task';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { documentWith, operation } from '../../openapi/documents';

const { tasks } = tasksFromOpenApi(
  documentWith({
    '/users/{id}': { delete: operation({ operationId: 'userRemove' }) },
    '/engage#one': { post: operation({ operationId: 'one' }) },
    '/engage#two': { post: operation({ operationId: 'two' }) },
  }),
  { service: 'desk' },
);

it.each(['desk.userRemove', 'DELETE /users/{id}', 'delete  /users/{id}'])('a task is found by %s', (name) => {
  expect(catalogueTask(name, tasks).name).toBe('desk.userRemove');
});

it('those of the catalogue are found so, too', () => {
  expect(catalogueTask('POST /user/remove')).toBe(plaid.userRemove);
});

it.each([
  ['POST /engage', /Several tasks have this method and path; name one of desk\.one, desk\.two/],
  ['GET /users/{id}', /There is no task of this name/],
  ['POST http.request', /There is no task of this name/],
])('%s names none', (name, why) => {
  expect(() => catalogueTask(name, tasks)).toThrow(why);
});

it.each([
  ['get /a b', 'GET /a b'],
  ['GET', 'GET'],
  ['desk.get', 'desk.get'],
])('%s is read as %s', (text, route) => {
  expect(asRoute(text)).toBe(route);
});

it('decisions in code name an operation by its route, too', () => {
  const made = tasksFromOpenApi(documentWith({ '/a': { delete: operation({ operationId: 'a' }) } }), {
    operations: ['DELETE /a'],
    decide: { 'DELETE /a': { effect: 'repeatSafe' } },
    allowUnknown: ['DELETE /a:force'],
  });
  expect(made.tasks[0]).toMatchObject({ operation: 'a', effect: 'repeatSafe', places: { force: 'query' } });
});

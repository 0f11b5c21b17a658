import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import type { OpenApiTasks } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import type { OpenApiOptions } from '@temporal-http-tasks/openapi/internal/options';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import type { PreparedRequest } from 'temporal-http-tasks/internal/http/exchange';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';

type Json = Record<string, unknown>;

/** A document with these paths, and whatever else it needs. */
export function documentWith(paths: Json, more: Json = {}, version: '3.0.3' | '3.1.0' = '3.0.3'): Json {
  return {
    openapi: version,
    info: { title: 'Shop API', version: '1' },
    servers: [{ url: 'https://shop.example.com/v1' }],
    paths,
    ...more,
  };
}

/** An operation that returns an object. */
export function operation(more: Json = {}): Json {
  return {
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: { type: 'object' } } } } },
    ...more,
  };
}

/** A JSON body of this schema. */
export function jsonBody(schema: unknown, more: Json = {}): Json {
  return { required: true, content: { 'application/json': { schema } }, ...more };
}

/** The tasks of a document of which none may be skipped. */
export function tasksOf(document: unknown, options: OpenApiOptions = {}): OpenApiTasks {
  const made = tasksFromOpenApi(document, options);
  expect(made.report.skipped).toEqual([]);
  return made;
}

/** The only task of a document with one POST /things whose body has this schema. */
export function taskFor(
  schema: unknown,
  { schemas = {}, version = '3.0.3' }: { schemas?: Json; version?: '3.0.3' | '3.1.0' } = {},
): HttpTask {
  const paths = { '/things': { post: operation({ operationId: 'thingCreate', requestBody: jsonBody(schema) }) } };
  return tasksOf(documentWith(paths, { components: { schemas } }, version)).tasks[0]!;
}

/** The only task of a document with one GET /things whose response has this schema. */
export function readerOf(
  schema: unknown,
  { schemas = {}, version = '3.0.3' }: { schemas?: Json; version?: '3.0.3' | '3.1.0' } = {},
): HttpTask {
  const paths = {
    '/things': { get: { responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } } } },
  };
  return tasksOf(documentWith(paths, { components: { schemas } }, version)).tasks[0]!;
}

/** Whether the task takes this input. */
export function takes(task: HttpTask, input: unknown): boolean {
  return task.input.safeParse(input).success;
}

/** The request that a task makes of an input, with a secret for each of its service's settings. */
export function requestOf(task: HttpTask, input: unknown): PreparedRequest {
  return prepareRequest(task, input, readSenderSettings(secretsFor(task), [task.service]));
}

/** A secret for each setting that the task's service needs. */
export function secretsFor({ service }: HttpTask): Record<string, string> {
  return Object.fromEntries(
    service.credentials.map(({ setting, scheme }) => [
      setting,
      scheme === 'basic' ? 'user:pass-word' : `canary-${setting}`,
    ]),
  );
}

/** Plaid's whole document is next to the project where it may be kept; it is not part of it. */
const PLAID = join(__dirname, '..', '..', '..', 'shared', 'openapi', 'plaid-2020-09-14.yml');

/** The text of Plaid's whole document, or undefined; a test that goes without says so. */
export function plaidDocument(): string | undefined {
  const places = [
    process.env['PLAID_OPENAPI'],
    PLAID,
    join(__dirname, '..', '..', '..', '..', 'shared', 'openapi', 'plaid-2020-09-14.yml'),
  ];
  const found = places.find((path) => path !== undefined && existsSync(path));
  return found === undefined ? undefined : readFileSync(found, 'utf8');
}

/** The one task of a document with this operation. */
export function only(
  verb: string,
  op: Record<string, unknown>,
  {
    path = '/things',
    more = {},
    options = {},
  }: { path?: string; more?: Record<string, unknown>; options?: Parameters<typeof tasksFromOpenApi>[1] } = {},
) {
  return tasksOf(documentWith({ [path]: { [verb]: operation(op) } }, more), options).tasks[0]!;
}

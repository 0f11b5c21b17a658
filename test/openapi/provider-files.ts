import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readProvider } from '@temporal-http-tasks/openapi';
import { ProviderError } from 'temporal-http-tasks';

type Json = Record<string, unknown>;

const ok = {
  responses: { 200: { description: 'OK', content: { 'application/json': { schema: { type: 'object' } } } } },
};
const path = (name: string, schema: Json = { type: 'string' }): Json => ({ name, in: 'path', required: true, schema });
const query = (name: string, schema: Json = { type: 'string' }): Json => ({ name, in: 'query', schema });
const body = (schema: Json): Json => ({ required: true, content: { 'application/json': { schema } } });

/** The document of a made-up library, with more in it than a provider file may believe. */
export function libraryDocument(): Json {
  return {
    openapi: '3.1.0',
    info: { title: 'Evil Bank', version: '1' },
    servers: [{ url: 'https://attacker.example' }],
    security: [{ libraryKey: [] }],
    paths: {
      '/members/{member}': {
        servers: [{ url: 'https://other.attacker.example' }],
        parameters: [path('member', { type: 'integer' })],
        get: { operationId: 'get-member', ...ok, 'x-http-task': { effect: 'irreversible' } },
        delete: {
          operationId: 'delete-member',
          ...ok,
          parameters: [query('reason', { type: 'string', enum: ['closed', 'other'] })],
          'x-http-task': { effect: 'read', settle: { by: 'repeat' }, subjectFields: ['reason'] },
        },
      },
      '/members/{member}/loans': {
        get: { operationId: 'listLoans', parameters: [path('member', { type: 'integer' }), query('cursor')], ...ok },
      },
      '/loans/return': {
        post: {
          operationId: 'returnLoans',
          ...ok,
          requestBody: body({
            type: 'object',
            required: ['loans'],
            properties: {
              loans: { type: 'array', maxItems: 100, items: { type: 'string' } },
              note: { type: 'string' },
            },
          }),
        },
      },
      '/erasures': {
        get: { operationId: 'listErasures', ...ok },
        post: {
          operationId: 'fileErasure',
          ...ok,
          security: [{ adminClient: [] }],
          requestBody: body({
            type: 'object',
            required: ['person', 'key'],
            properties: { person: { type: 'string' }, key: { type: 'string' }, why: { type: 'string' } },
          }),
        },
      },
      '/erasures/{id}': { get: { operationId: 'getErasure', parameters: [path('id')], ...ok } },
      '/erasures/{id}/confirm': { post: { operationId: 'confirmErasure', parameters: [path('id')], ...ok } },
      '/cards/{card_token}': {
        delete: { operationId: 'voidCard', parameters: [path('card_token')], ...ok },
      },
      '/members/delete': {
        post: {
          operationId: 'deleteMembers',
          ...ok,
          requestBody: body({
            type: 'object',
            required: ['members'],
            properties: {
              members: {
                type: 'array',
                maxItems: 500,
                items: { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } },
              },
            },
          }),
        },
      },
      '/staff': { post: { operationId: 'createStaff', security: [{ staffKey: [] }], ...ok } },
    },
    components: {
      securitySchemes: {
        libraryKey: { type: 'apiKey', in: 'header', name: 'X-Library-Key' },
        staffKey: { type: 'apiKey', in: 'header', name: 'X-Staff-Key' },
        adminClient: {
          type: 'oauth2',
          flows: { clientCredentials: { tokenUrl: 'https://attacker.example/token', scopes: {} } },
        },
      },
    },
  };
}

/** A provider file with steps of every kind and everything else that one can have. */
export const LIBRARY = `
provider: cityLibrary
title: City Library
docs: https://library.example/api
openapi: library.openapi.json
environments:
  test: https://test.library.example/v1
  live: https://api.library.example/v1
productionEnvironments: [live]
credentials:
  libraryKey: LIBRARY_KEY
  adminClient:
    clientId: LIBRARY_CLIENT_ID
    clientSecret: LIBRARY_CLIENT_SECRET
    tokenUrl: https://login.library.example/token
    scope: erase
errors:
  code: errors.code
  requestId: meta.request
  rules:
    - { status: 409, code: locked, means: unavailable }
    - { code: 4711, means: lost, advice: Ask the library. }
rate: { callsPerMinute: 600, source: https://library.example/limits }
ids:
  memberId: { about: The number of the member., type: integer }
  cards: { about: Library cards., list: true }
  loanIds: { about: Loans to return., list: true }
  personId: { about: The person in the archive. }
  passToken: { about: A pass., sensitive: true, instead: personId }
tasks:
  getMember: { absent: [no_member, 404] }
  deleteMember: { effect: irreversible, means: removed, absent: [no_member], remedy: Register the member again. }
  listLoans: { absent: [no_member] }
  returnLoans: { effect: irreversible, remedy: Lend the books again. }
  fileErasure: { effect: irreversible, settle: resend, means: accepted, remedy: None. }
  confirmErasure: { effect: irreversible, remedy: None. }
  voidCard: { effect: repeatSafe, remedy: Print a new card., absent: [410] }
  deleteMembers: { effect: repeatSafe, remedy: Register them again. }
steps:
  - step: loans
    kind: list
    look: { task: listLoans, input: { member: "\${memberId}" }, items: data.loans.id, next: data.next, cursor: cursor }
    act: { task: returnLoans, input: { loans: "\${items}", note: "\${reason.note}" }, most: 20 }
    only: loanIds
  - step: member
    kind: once
    needs: [memberId]
    act:
      task: deleteMember
      input: { member: "\${memberId}", reason: { map: "\${reason.code}", to: { USER_OFFBOARDING: closed }, else: other } }
      failed: [{ ok: false }]
    look: { task: getMember, input: { member: "\${memberId}" }, absent: [{ member.active: false }], lag: 10 s }
    after: [{ step: cityLibrary.loans, unless: [failed, unknown], reason: loansNotReturned }]
    bulk:
      task: deleteMembers
      input: { members: { each: "\${ids}", as: { id: "\${id}" } } }
      most: 100
      refusedFor: [bad_member]
  - step: cards
    kind: once
    each: cards
    act: { task: voidCard, input: { card_token: "\${cards}" } }
  - step: erasure
    kind: request
    act: { task: fileErasure, input: { person: "\${personId}", key: "\${callId}", why: "\${reference}" } }
    handle: data.id
    follow: { task: getErasure, input: { id: "\${handle}" } }
    state: data.state
    done: [done]
    failed: [refused]
    absent: [{ data.state: done, data.error: { contains: not found } }]
    proceed: { when: [waiting], task: confirmErasure, input: { id: "\${handle}" } }
    find: { task: listErasures, items: data, match: { person: "\${personId}" }, handle: id }
  - step: shelf
    kind: manual
    optional: true
    title: Clear the shelf
    instructions: Remove the member's paper file.
simulate:
  deleteMember: { status: 204 }
`;

/** Writes a provider file and its document to a folder of its own, and returns the file's path. */
export function writeProvider(
  text: string,
  document: unknown = libraryDocument(),
  name = 'library.provider.yaml',
): string {
  const folder = mkdtempSync(join(tmpdir(), 'http-tasks-provider-'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'library.openapi.json'), JSON.stringify(document));
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Reads a provider file and returns its problems as lines, without the name of the file. */
export async function problemsOf(text: string, document?: unknown): Promise<string[]> {
  const file = writeProvider(text, document);
  try {
    await readProvider(file);
    return [];
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return error.problems.map((problem) => {
      expect(problem.file).toBe(file);
      return `${problem.line ?? ''} ${problem.place}: ${problem.message}`;
    });
  }
}

/** The library with one text in the place of another. */
export function changed(from: string | RegExp, to: string): string {
  const text = LIBRARY.replace(from, () => to);
  expect(text).not.toBe(LIBRARY);
  return text;
}

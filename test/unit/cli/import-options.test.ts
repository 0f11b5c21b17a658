import { Refusal } from '@temporal-http-tasks/cli/internal/program/errors';
import { importOptions, openApiWords, refusingOptions } from '@temporal-http-tasks/cli/internal/tasks/openapi-tasks';
import type { ImportDecisions } from '@temporal-http-tasks/cli/internal/tasks/openapi-tasks';

const ALL: ImportDecisions = {
  service: 'desk',
  key: ['apiKey=DESK_API_KEY'],
  origin: ['https://desk.example.com'],
  secretField: ['Authorization=DESK_AUTH', 'a=b=DESK_OTHER'],
  signIn: ['bearer=DESK_TOKEN', 'header:X-Key=DESK_KEY', 'query:a:b=DESK_QUERY', 'cookie:sid=DESK_SID'],
  allowUnknown: true,
  allowField: ['alertsUpdate:alerts.id'],
  trustDecisions: true,
};

function refusalOf(run: () => unknown): Refusal {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error;
  }
  throw new Error('Nothing was refused.');
}

it('the decisions of a command line are those of code', () => {
  expect(importOptions(ALL)).toEqual({
    service: 'desk',
    credentials: { apiKey: { setting: 'DESK_API_KEY' } },
    origins: ['https://desk.example.com'],
    secretFields: { Authorization: 'DESK_AUTH', 'a=b': 'DESK_OTHER' },
    signIn: [
      { setting: 'DESK_TOKEN', in: 'header', name: 'authorization', scheme: 'bearer' },
      { setting: 'DESK_KEY', in: 'header', name: 'X-Key' },
      { setting: 'DESK_QUERY', in: 'query', name: 'a:b' },
      { setting: 'DESK_SID', in: 'cookie', name: 'sid' },
    ],
    allowUnknown: ['*', 'alertsUpdate:alerts.id'],
    trustDecisions: true,
  });
  expect(importOptions({})).toEqual({});
});

it('a snippet repeats all of them', () => {
  expect(openApiWords({ openapi: 'desk.yml', ...ALL })).toEqual([
    ...['--openapi', 'desk.yml', '--service', 'desk', '--key', 'apiKey=DESK_API_KEY'],
    ...['--origin', 'https://desk.example.com'],
    ...['--secret-field', 'Authorization=DESK_AUTH', '--secret-field', 'a=b=DESK_OTHER'],
    ...['--sign-in', 'bearer=DESK_TOKEN', '--sign-in', 'header:X-Key=DESK_KEY'],
    ...['--sign-in', 'query:a:b=DESK_QUERY', '--sign-in', 'cookie:sid=DESK_SID'],
    ...['--allow-field', 'alertsUpdate:alerts.id', '--allow-unknown', '--trust-decisions'],
  ]);
});

it.each<[ImportDecisions, string, RegExp]>([
  [{ key: ['apiKey'] }, 'key', /--key must be SCHEME=SETTING/],
  [{ key: ['a=DESK_A', 'a=DESK_B'] }, 'key', /names a security scheme twice/],
  [{ secretField: ['=DESK_A'] }, 'secret-field', /--secret-field must be NAME=SETTING/],
  [{ secretField: ['a=desk'] }, 'secret-field', /--secret-field must be NAME=SETTING/],
  [{ secretField: ['a=DESK_A', 'a=DESK_B'] }, 'secret-field', /names a field twice/],
  [{ signIn: ['DESK_TOKEN'] }, 'sign-in', /--sign-in must be bearer=SETTING/],
  [{ signIn: ['digest=DESK_TOKEN'] }, 'sign-in', /--sign-in must be bearer=SETTING/],
  [{ signIn: ['header:=DESK_TOKEN'] }, 'sign-in', /--sign-in must be bearer=SETTING/],
  [{ signIn: ['bearer=PLAID_SECRET'] }, 'sign-in', /PLAID_SECRET cannot be the key of an imported service/],
])('refuses %j', (decisions, field, why) => {
  const refused = refusalOf(() => importOptions(decisions));
  expect(refused.field).toBe(field);
  expect(refused.message).toMatch(why);
});

it.each([
  ['allowUnknown: "a" does not begin with an operation.', 'allow-field'],
  ['signIn: no name.', 'sign-in'],
  ['signIn.Host: no name.', 'sign-in'],
  ['secretFields.a: no name.', 'secret-field'],
  ['credentials.a: no scheme.', 'key'],
  ['The imported service "a" would read B.', 'service'],
])('what is wrong with an option in code is reported for the option of the command: %s', (message, field) => {
  const read = (): never => {
    throw new TypeError(message);
  };
  expect(refusalOf(() => refusingOptions(read)).field).toBe(field);
});

it('any other mistake is not a usage error', () => {
  const error = new TypeError('Cannot read properties of undefined');
  const read = (): never => {
    throw error;
  };
  expect(() => refusingOptions(read)).toThrow(error);
});

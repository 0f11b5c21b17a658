import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PolicyError } from 'temporal-http-tasks/internal/operator-policy/policy-error';
import {
  readPolicy,
  readPolicyFile,
  refuseMisspelledNames,
} from 'temporal-http-tasks/internal/operator-policy/read-policy';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';

const folder = mkdtempSync(join(tmpdir(), 'policy-'));
let files = 0;

function fileOf(text: string | Buffer): string {
  const file = join(folder, `policy-${(files += 1)}.yaml`);
  writeFileSync(file, text);
  return file;
}

function problemsOf(text: string | Buffer): string[] {
  try {
    readPolicyFile(fileOf(text));
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return error.problems.map(({ place, message }) => `${place}: ${message}`);
  }
  return [];
}

const KEY = `ed25519:${'A'.repeat(43)}`;
const MEANT_PRODUCTION = 'approval.environments[0]: unknown environment; did you mean production?';

it('reads every rule, and the digest is that of the bytes', () => {
  const text = `
version: 1
environments: {plaid: [production], batch: [default]}
tasks: [plaid.*, batch.*, http.request]
providers: [plaid, batch]
reasonCodes: [USER_OFFBOARDING]
removeUser: false
compensationTasks: []
sources: [file, "query:closed_accounts", snapshot]
users: {perSweep: 10000, perDay: 5000}
hours: {days: [mon, tue], from: "08:00", to: "18:00", zone: Europe/Berlin}
approval:
  environments: [production]
  usersAbove: 100
  signatures: 2
  approvers:
    - {name: Alice, key: "${KEY}"}
    - {name: Bob, key: "ed25519:${'E'.repeat(43)}"}
`;
  const file = fileOf(text);
  const { digest, rules } = readPolicy({ HTTP_TASKS_POLICY: file }) ?? { digest: '', rules: undefined };
  expect(digest).toBe(createHash('sha256').update(text).digest('hex'));
  expect(rules).toMatchObject({ removeUser: false, users: { perDay: 5000 }, hours: { from: '08:00' } });
});

it('there is no policy unless the setting names a file', () => {
  expect(readPolicy({})).toBeUndefined();
  expect(readPolicy({ HTTP_TASKS_POLICY: ' ' })).toBeUndefined();
});

it('reports all mistakes together, with their places and the nearest known key', () => {
  const found = problemsOf(`
version: 2
enviroments: [sandbox]
tasks: []
users: {perDay: -1, perSweeep: 3}
hours: {from: "8:00", zone: Mars/Base}
removeUser: "no"
reasonCodes: [USER_OFFBORDING]
approval:
  signatures: 2
  approvers:
    - {name: a, key: x, foo: 1}
`);
  expect(found.map((line) => line.slice(0, line.indexOf(':'))).sort()).toEqual([
    'approval.approvers[0].foo',
    'approval.approvers[0].key',
    'approval.signatures',
    'enviroments',
    'hours.from',
    'hours.to',
    'hours.zone',
    'reasonCodes[0]',
    'removeUser',
    'tasks',
    'users.perDay',
    'users.perSweeep',
    'version',
  ]);
  expect(found.join('\n')).toMatch(/enviroments: unknown key; .*did you mean environments\?/);
  expect(found.join('\n')).toMatch(/users\.perSweeep: unknown key; allowed: perSweep, perDay; did you mean perSweep\?/);
  expect(found.join('\n')).toMatch(/approvers\[0\]\.foo: unknown key; allowed: name, key/);
});

it.each([
  ['', /the input is empty/],
  ['5', /mapping of keys/],
  ['- a', /mapping of keys/],
  ['version: 1\nversion: 1', /line 2.*not valid YAML/],
  ['{', /not valid YAML/],
  ['tasks: [plaid.*]', /version: must be 1/],
  ['version: 1\ntasks:', /tasks: must be a list/],
  ['version: 1\ntasks: ["*"]', /tasks\[0\]: must be the name of a task/],
  ['version: 1\nenvironments: {plaid: []}', /environments\.plaid: must not be empty/],
  ['version: 1\nenvironments: {"Bad Key": [x]}', /environments\.Bad Key: must be the name of a service/],
  ['version: 1\nenvironments: sandbox', /environments: must be a list of environments, or/],
  ['version: 1\nhours: {from: "08:00"}', /hours\.to: is required/],
  ['version: 1\nhours: {from: "08:00", to: "08:00"}', /hours\.to: must differ/],
  ['version: 1\nusers: {perDay: 1.5}', /users\.perDay: must be a whole number/],
  ['version: 1\nsources: [ftp]', /sources\[0\]: must be inline/],
  ['version: 1\n__proto__: {}', /__proto__: unknown key/],
  ['version: 1\nconstructor: {}', /constructor: unknown key/],
  [`version: 1\napproval: {signatures: 2, approvers: [{name: a, key: "${KEY}"}]}`, /requires 2 signatures/],
  [`version: 1\napproval: {approvers: [{name: a, key: "${KEY}"}, {name: b, key: "${KEY}"}]}`, /key: is a duplicate/],
  [
    `version: 1\napproval: {approvers: [{name: a, key: "${KEY}"}, {name: b, key: "${KEY.slice(0, -1)}B"}]}`,
    /approvers\[1\]\.key: must be a public key/,
  ],
  [
    `version: 1\napproval: {approvers: [{name: Ann Lee, key: "${KEY}"}, {name: "ann  lee ", key: "${KEY.replace('A', 'E')}"}]}`,
    /approvers\[1\]\.name: is a duplicate/,
  ],
  ['version: 1\nhours: {zone: Europe/Berlin}', /hours: limits nothing; give days, or from and to/],
  ['version: 1\nhours: {}', /hours: limits nothing/],
  ['version: 1\nusers: {}', /users: limits nothing; give perSweep or perDay/],
  ['version: 1\nenvironments: {}', /environments: must not be empty; leave the rule out/],
  ['version: 1\na: &x [1]\ntasks: *x', /not valid YAML|a: unknown key/],
  [Buffer.from([0xff, 0xfe, 0x00]), /not UTF-8/],
])('refuses %j', (text, expected) => {
  expect(problemsOf(text).join('\n')).toMatch(expected);
});

it('names a file that is not there', () => {
  expect(() => readPolicyFile(join(folder, 'none.yaml'))).toThrow(/none\.yaml: the file cannot be read \(ENOENT\)/);
});

it.each([
  [
    'a misspelled service',
    'environments: {plad: [sandbox]}',
    'environments.plad: unknown service; did you mean plaid?',
  ],
  ['a service of another worker', 'environments: {courier: [test]}', undefined],
  ['a list for all services', 'environments: [prodution]', undefined],
  ['a misspelled environment of approvals', approvalOf('[prodution]'), MEANT_PRODUCTION],
  ['a shortened environment of approvals', approvalOf('[prod]'), MEANT_PRODUCTION],
  ['an environment of another worker', approvalOf('[eu1]'), undefined],
  ['one of several environments of approvals', approvalOf('[production, prod]'), undefined],
  [
    'a misspelled environment of approvals beside another',
    approvalOf('[sandbox, prodution]'),
    'approval.environments[1]: unknown environment; did you mean production?',
  ],
  ['an environment of another worker beside one of this', approvalOf('[production, prod2, eu]'), undefined],
])('%s, of which the rule would forbid nothing', (_what, rule, expected) => {
  const policy = readPolicyFile(fileOf(`version: 1\n${rule}\n`));
  const check = () => refuseMisspelledNames(policy, CATALOGUE_SERVICES);
  if (expected === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(expected);
});

function approvalOf(environments: string): string {
  return `approval: {environments: ${environments}, approvers: [{name: Alice, key: "${KEY}"}]}`;
}

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cellsOf,
  openProviderStage,
  runProviderCells,
} from '@temporal-http-tasks/testing/internal/faults/check-provider';
import { failedCells } from '@temporal-http-tasks/cli/internal/providers/check-faults';
import type { FailedProviderCell } from '@temporal-http-tasks/cli/internal/providers/check-faults';
import { describedApi } from '@temporal-http-tasks/cli/internal/providers/described-api';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import type { ProviderCell } from '@temporal-http-tasks/testing/internal/oracle/provider-cell';
import { silenceTemporal } from '../support/quiet-runtime';
import { temporalAddress } from '../support/temporal';
import { workflowBundle } from '../support/workflow-bundle';

const EXAMPLES = join(__dirname, '../../packages/cli/examples');

beforeAll(() => silenceTemporal());

/** Runs the cells of a provider file that are wanted. */
async function check(
  path: string,
  wanted: (cell: ProviderCell) => boolean,
): Promise<{ cells: number; failed: FailedProviderCell[]; completed: number }> {
  const file = await readProviderFile(path);
  const stage = await openProviderStage(
    { address: temporalAddress(), bundle: await workflowBundle() },
    { provider: file.provider, api: describedApi(file) },
  );
  try {
    const cells = cellsOf(file).filter(wanted);
    const judged = await runProviderCells(stage, cells, () => undefined, new AbortController().signal);
    const completed = judged.filter((one) => one.completed).length;
    return { cells: judged.length, failed: failedCells(judged), completed };
  } finally {
    await stage.close();
  }
}

it('a good provider file survives a lost response to each call of each step, alone and in a sweep', async () => {
  const faults = ['none', 'lost after processing', '429'];
  const { cells, failed, completed } = await check(join(EXAMPLES, 'courier.provider.yaml'), ({ fault }) =>
    faults.includes(fault),
  );
  expect(failed).toEqual([]);
  expect({ cells, completed }).toEqual({ cells: 34, completed: 34 });
}, 240_000);

it.each(['hubspot', 'intercom', 'klaviyo', 'mixpanel', 'sendgrid'])(
  'the ready provider file of %s survives a lost response to each call of each step',
  async (name) => {
    const faults = ['none', 'lost after processing'];
    const path = join(__dirname, '../../providers', `${name}.provider.yaml`);
    const { cells, failed } = await check(path, ({ fault }) => faults.includes(fault));
    expect(failed).toEqual([]);
    expect(cells).toBeGreaterThanOrEqual(4);
  },
  240_000,
);

it('a file that contradicts its document, or repeats what must not be repeated, fails and says why', async () => {
  const changes: [from: string, to: string][] = [
    ['getContact: { absent: [contact_not_found] }', 'getContact: { absent: [no_contact] }'],
    ['fileErasure: { effect: irreversible,', 'fileErasure: { effect: irreversible, settle: resend,'],
    [/\n {4}find:(?:\n {6}.+)+/.exec(courier())?.[0] ?? 'find', ''],
    ['items: data.id', 'items: devices.id'],
    ['    after: [{ step: courier.devices, unless: [failed, unknown], reason: devicesNotRemoved }]\n', ''],
  ];
  const folder = mkdtempSync(join(tmpdir(), 'http-tasks-courier-'));
  writeFileSync(join(folder, 'courier.openapi.yaml'), readFileSync(join(EXAMPLES, 'courier.openapi.yaml')));
  const file = join(folder, 'courier.provider.yaml');
  writeFileSync(
    file,
    changes.reduce((text, [from, to]) => {
      expect(text).toContain(from);
      return text.replace(from, () => to);
    }, courier()),
  );
  const { failed } = await check(
    file,
    ({ flow, fault, role }) => flow === 'offboardUser' && fault === 'lost after processing' && role === 'act',
  );
  const whyOf = (call: string): string => failed.find((one) => one.call === call)?.why ?? '';
  expect(whyOf('deleteContact')).toMatch(
    /courier\.contact is unknown.*getContact returned 404 with the code contact_not_found, which is not under absent of getContact/,
  );
  expect(whyOf('fileErasure')).toMatch(/fileErasure was carried out 2 times; settle: resend/);
  expect(whyOf('removeDevices')).toMatch(
    /courier\.devices is failed \(unreadableList\).*the document describes the response of listDevices without devices\.id; it has data\[\]\.id/,
  );
}, 240_000);

it('a provider that says with successes that nothing was there, after steps that a person does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'http-tasks-locker-'));
  writeFileSync(join(folder, 'locker.openapi.json'), JSON.stringify(LOCKER_DOCUMENT));
  writeFileSync(join(folder, 'locker.provider.yaml'), LOCKER);
  const faults = ['none', 'lost before processing', 'lost after processing', 'processed, then 500'];
  const { cells, failed, completed } = await check(join(folder, 'locker.provider.yaml'), ({ fault }) =>
    faults.includes(fault),
  );
  expect(failed).toEqual([]);
  expect({ cells, completed }).toEqual({ cells: 44, completed: 44 });
}, 240_000);

const inPath = { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] };
const answered = (properties: object, required: readonly string[] = []) => ({
  responses: { 200: { content: { 'application/json': { schema: { type: 'object', required, properties } } } } },
});

/** Its examples show states that the provider file calls failed or absent. */
const LOCKER_DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Locker', version: '1' },
  paths: {
    '/keys/{id}': { delete: { operationId: 'revoke', ...inPath, ...answered({ revoked: { type: 'integer' } }) } },
    '/boxes/{id}': {
      get: { operationId: 'readBox', ...inPath, ...answered({ size: { type: 'integer' } }, ['size']) },
      delete: {
        operationId: 'empty',
        ...inPath,
        ...answered({ state: { type: 'string', enum: ['refused', 'emptied'] }, error: { type: 'string' } }, ['state']),
      },
    },
    '/cards/{id}': {
      get: { operationId: 'readCard', ...inPath, ...answered({ valid: { type: 'boolean' } }) },
      delete: { operationId: 'voidCard', ...inPath, ...answered({}) },
    },
    '/closings/{id}': {
      post: { operationId: 'close', ...inPath, ...answered({ job: { type: 'string' }, error: { type: 'string' } }) },
    },
    '/jobs/{id}': {
      get: {
        operationId: 'readJob',
        ...inPath,
        ...answered({
          state: { type: 'string', enum: ['ended', 'open'] },
          error: { type: 'string', example: 'disk full' },
        }),
      },
    },
  },
};

const LOCKER = `
provider: locker
title: Locker
openapi: locker.openapi.json
environments: { sandbox: https://locker.example }
ids:
  boxId: { about: The box. }
  cards: { about: The cards., list: true }
tasks:
  voidCard: { effect: irreversible, remedy: Print new cards. }
  revoke: { effect: repeatSafe, remedy: Cut a new key. }
  readBox: { absent: [204] }
  empty: { effect: irreversible, remedy: None. }
  close: { effect: repeatSafe, remedy: Open it again. }
steps:
  - step: key
    kind: once
    act: { task: revoke, input: { id: '\${boxId}' }, absent: [{ revoked: 0 }] }
  - step: paper
    kind: manual
    needs: [boxId]
    title: Shred the paper
    instructions: Shred it.
  - step: box
    kind: once
    after: [{ step: paper, unless: [failed, unknown, skipped], reason: paperLeft }]
    act: { task: empty, input: { id: '\${boxId}' }, failed: [{ state: refused }, { error: { exists: true } }] }
    look: { task: readBox, input: { id: '\${boxId}' } }
  - step: cards
    kind: once
    each: cards
    act: { task: voidCard, input: { id: '\${cards}' } }
    look: { task: readCard, input: { id: '\${cards}' }, absent: [{ valid: false }], lag: 1 s }
  - step: closing
    kind: request
    act: { task: close, input: { id: '\${boxId}' }, failed: [{ error: { exists: true } }] }
    handle: job
    follow: { task: readJob, input: { id: '\${handle}' } }
    state: state
    done: [ended]
    failed: [{ state: ended, error: { exists: true } }]
`;

function courier(): string {
  return readFileSync(join(EXAMPLES, 'courier.provider.yaml'), 'utf8');
}

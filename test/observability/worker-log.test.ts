import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import type { Logger } from '@temporalio/common';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import type { Settings } from 'temporal-http-tasks/internal/config/settings';
import {
  createWorkerLog,
  readableLog,
  temporalLogger,
} from '@temporal-http-tasks/cli/internal/worker-process/worker-log';
import { ENV } from '../plugin/host';

/** With characters that JSON writes in another way. */
const SECRET = 'a secret "of plaid" \\ 1';

let folder: string;
let settings: Settings;
let written: string[];
let log: Logger;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'http-tasks-log-'));
  const file = join(folder, 'secret');
  await writeFile(file, SECRET);
  const { PLAID_SECRET: _instead, ...env } = ENV;
  settings = readSettings({ ...env, PLAID_SECRET_FILE: file });
  written = [];
  log = temporalLogger(
    createWorkerLog({
      settings,
      moreSecrets: ['token-of-a-collector'],
      to: { write: (line: string) => void written.push(line) },
    }),
  );
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const lastLine = (): Record<string, unknown> => JSON.parse(written.at(-1) ?? '') as Record<string, unknown>;

it('gives the fields of workflows and of activities one name each', () => {
  log.info('from an activity', {
    workflowId: 'w',
    workflowRunId: 'r',
    activityType: 'plaid.itemRemove',
    attempt: 3,
    taskToken: 'CgNhYmM=',
  });
  expect(lastLine()).toMatchObject({
    msg: 'from an activity',
    workflowId: 'w',
    runId: 'r',
    task: 'plaid.itemRemove',
    attempt: 3,
  });
  expect(written.at(-1)).not.toContain('CgNhYmM=');
  log.info('from a workflow', { workflowId: 'w', runId: 'r', workflowType: 'offboardUser' });
  expect(lastLine()).toMatchObject({ workflowId: 'w', runId: 'r', workflowType: 'offboardUser' });
});

it('writes no secret, in whatever field and however it is escaped', () => {
  log.warn(`a message with ${SECRET}`, {
    [SECRET]: 'as a name',
    nested: { value: [SECRET, encodeURIComponent(SECRET)] },
    header: 'token-of-a-collector',
  });
  log.error('an error', { error: new Error(`refused ${SECRET}`) });
  const text = written.join('');
  for (const part of ['of plaid', 'token-of-a-collector', encodeURIComponent(SECRET)]) expect(text).not.toContain(part);
  expect(lastLine()).toHaveProperty('error.message', 'refused [secret]');
});

it('knows a secret that was replaced while it ran', async () => {
  await writeFile(join(folder, 'secret'), 'the rotated secret 2');
  settings.sender.reload();
  log.warn('after the rotation: the rotated secret 2');
  expect(lastLine()['msg']).toBe('after the rotation: [secret]');
});

it('leaves out what failures carry besides their message: payloads hold ids of users', () => {
  const error = ApplicationFailure.create({
    type: 'Task.Rejected',
    message: 'refused',
    details: [{ id: 'usr_1' }],
    cause: new Error('about usr_2'),
  });
  for (const field of ['error', 'err']) {
    log.warn('Activity failed', { [field]: error });
    expect(lastLine()[field]).toMatchObject({ type: 'Task.Rejected', message: 'refused' });
    expect(written.at(-1)).not.toMatch(/usr_\d/);
  }
});

it('writes lines for a person in a terminal, with nothing that steers it', async () => {
  const shown: string[] = [];
  const to = await readableLog({ write: (text: string) => shown.push(text) > 0 });
  const readable = createWorkerLog({ settings, to });
  readable.warn({ taskQueue: 'http-tasks', why: `\u001b[31mred ${SECRET}` }, 'polling');
  const text = shown.join('');
  expect(text).toMatch(/^\[\d\d:\d\d:\d\d\] WARN: polling \{"taskQueue":"http-tasks","why":".*red .*"\}\n$/);
  expect(text).not.toContain('\u001b');
  expect(text).not.toContain(SECRET);
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import type { RunningTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { bytesOfDatabase, findAll, textIn } from '../canary/haystack';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { REASON, startOffboarding } from '../support/offboarding-runs';
import { freshTexts, hostWorker, newKey } from './host';
import { turned } from './host-workflows';

// The same runs with and without encryption on one server, whose database file is searched afterwards.

/** What only ever travels, so that the database never has it. */
const NOT_STORED = ['currentDetails', 'queryInput', 'queryResult'];

/** What the server keeps until the activity ends, so that its bytes may be overwritten by then. */
const PERHAPS_OVERWRITTEN = 'heartbeat';

/** Everything that a place's runs hold, by where it stands. */
interface Planted {
  /** What encryption has to hide. */
  hidden: Record<string, string>;
  /** What Temporal needs to read itself, and docs/encryption.md lists. */
  readable: Record<string, string>;
  /** What was in query results on the wire, as the server passed it on. */
  answers: string;
}

let encrypted: Planted;
let plain: Planted;
let database: string;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-database-'));
  const dbFilename = join(folder, 'temporal.db');
  const { path: binary } = await findTemporalServer({ report: () => undefined });
  const server = await startTemporalServer({ binary, dbFilename });
  try {
    [encrypted, plain] = await Promise.all([
      plantIn(server, { HTTP_TASKS_ENCRYPTION_KEY: newKey() }),
      plantIn(server, { HTTP_TASKS_ALLOW_SENSITIVE: 'user_token' }),
    ]);
  } finally {
    await server.stop();
  }
  database = await bytesOfDatabase(dbFilename);
  await rm(folder, { recursive: true });
});

async function plantIn(server: RunningTemporalServer, env: Record<string, string>): Promise<Planted> {
  const place = await openPlace({ temporal: server.address, env });
  try {
    await place.startWorker(await hostWorker());
    const [host, offboarding] = await Promise.all([plantEverywhere(place), plantOffboarding(place)]);
    return { ...host, hidden: { ...host.hidden, ...offboarding } };
  } finally {
    await place.close();
  }
}

/** A host's workflow that leaves a text wherever one can be left. */
async function plantEverywhere({ client, taskQueue }: Place): Promise<Planted> {
  const { workflow, schedule } = client;
  const texts = freshTexts();
  const started = {
    startSummary: freshId('canary summary'),
    startDetails: freshId('canary details'),
    startMemo: freshId('canary memo'),
  };
  const readable = {
    workflowId: freshId('readable'),
    scheduleNote: freshId('readable'),
    scheduleId: freshId('readable'),
    terminateReason: freshId('readable'),
  };
  const handle = await workflow.start('leaveTexts', {
    taskQueue,
    workflowId: readable.workflowId,
    args: [Object.fromEntries(Object.entries(texts).map(([place, text]) => [place, turned(text)]))],
    staticSummary: started.startSummary,
    staticDetails: started.startDetails,
    memo: { memo: started.startMemo },
  });
  const responses = [
    await handle.query('ask', texts.queryInput),
    await rawResponse(handle.workflowId),
    await rawResponse(handle.workflowId, 'ask'),
  ];
  await handle.signal('tell', texts.signalInput);
  await handle.executeUpdate('change', { args: [texts.updateInput] });
  await expect(handle.result()).rejects.toMatchObject({
    cause: { message: texts.failure, details: [texts.failureDetail], cause: { message: texts.failureCause } },
  });
  const planned = { scheduleInput: freshId('canary'), scheduleMemo: freshId('canary') };
  await schedule.create({
    scheduleId: readable.scheduleId,
    spec: {},
    state: { note: readable.scheduleNote },
    memo: { memo: planned.scheduleMemo },
    action: { type: 'startWorkflow', workflowType: 'returnNothing', taskQueue, args: [planned.scheduleInput] },
  });
  const ended = await workflow.start('sayTwice', { taskQueue, workflowId: freshId('ended'), args: [''] });
  await ended.terminate(readable.terminateReason);
  expect(responses[0]).toBe(texts.queryResult);
  return {
    hidden: { ...texts, ...started, ...planned },
    readable: { ...readable, taskQueue },
    answers: responses.slice(1).join('\n'),
  };

  /** As the server returns it to a caller, say the UI. */
  async function rawResponse(workflowId: string, queryType = '__temporal_workflow_metadata'): Promise<string> {
    const { namespace } = client.options;
    const { queryResult } = await client.workflowService.queryWorkflow({
      namespace,
      execution: { workflowId },
      query: { queryType },
    });
    return textIn(temporal.api.common.v1.Payloads.toObject(queryResult as temporal.api.common.v1.Payloads));
  }
}

/** Offboards a user who is known by a token, with everything that a person may type. */
async function plantOffboarding(place: Place): Promise<Record<string, string>> {
  const ids = {
    userToken: freshId('user-sandbox-canary'),
    batchUserId: freshId('canary customer'),
    itemId: freshId('canary item'),
    // Digits could be a phone number, which no note may hold.
    note: freshId('canary note').replace(/\d/g, (digit) => 'ghijklmnop'.charAt(Number(digit))),
    reference: freshId('canary case'),
    refusedId: freshId('canary refused'),
  };
  const { userToken, batchUserId, itemId, note, reference } = ids;
  place.simulators.plaid.seed({ users: [{ userId: freshId('older'), userToken, tokenOnly: true, items: [itemId] }] });
  place.simulators.batch.seed({ users: [batchUserId] });
  const user = { plaidUserToken: userToken, batchUserId, reference };
  const run = await startOffboarding(place, { user, itemIds: [itemId], reason: { ...REASON, note } });
  expect((await run.result()).status).toBe('completed');
  expect(place.simulators.plaid.state().touched).toHaveLength(1);
  const refused = await startOffboarding(place, { user: { plaidUserId: ids.refusedId, [ids.refusedId]: 'x' } });
  await expect(refused.result()).rejects.toThrow();
  return ids;
}

it('holds nothing of what was encrypted: no id, no token, no note, no summary, no message of a failure', () => {
  expect(findAll({ database }, encrypted.hidden)).toEqual([]);
});

it('holds all of it without encryption, so that the search is known to find it', () => {
  const { [PERHAPS_OVERWRITTEN]: _heartbeat, ...hidden } = plain.hidden;
  const stored = Object.keys(hidden).filter((name) => !NOT_STORED.includes(name));
  expect(stored.length).toBeGreaterThanOrEqual(30);
  expect(findAll({ database }, hidden).sort()).toEqual(stored.map((name) => `database: ${name}`).sort());
});

it('holds, encrypted or not, what docs/encryption.md says stays readable', () => {
  for (const { readable } of [encrypted, plain]) {
    expect(findAll({ database }, readable)).toEqual(Object.keys(readable).map((name) => `database: ${name}`));
  }
});

it('passes on encrypted what only travels: current details and query results', () => {
  const travelling = ({ hidden }: Planted): Record<string, string> => ({
    details: hidden['currentDetails']!,
    result: hidden['queryResult']!,
  });
  expect(findAll({ answers: plain.answers }, travelling(plain))).toEqual(['answers: details', 'answers: result']);
  expect(findAll({ answers: encrypted.answers }, travelling(encrypted))).toEqual([]);
});

import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { findTemporalServer, startTemporalServer } from '../../src/temporal-server';
import type { RunningTemporalServer } from '../../src/temporal-server';
import { findAll, bytesOfDatabase } from '../canary/haystack';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { offboard, startOffboarding } from '../support/offboarding-runs';
import { TEXT_PLACES } from './host-workflows';
import type { HostActivities, Texts } from './host-workflows';

void readdir; void readFile; void startOffboarding; void offboard;

it('explores', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'enc-'));
  const dbFilename = join(folder, 'temporal.db');
  const { path: binary } = await findTemporalServer();
  const server: RunningTemporalServer = await startTemporalServer({ binary, dbFilename });
  const place: Place = await openPlace({ temporal: server.address, env: { HTTP_TASKS_ENCRYPTION_KEY: randomBytes(32).toString('base64') } });
  const texts = Object.fromEntries(TEXT_PLACES.map((name) => [name, freshId(`canary-${name}`)])) as Texts;
  const activities: HostActivities = {
    say: async (given) => { Context.current().heartbeat(given.heartbeat); return given.activityResult; },
    sayHere: async (text) => text,
    failOnce: async (given) => {
      if (Context.current().info.attempt === 1) throw ApplicationFailure.create({ message: given.activityFailure, details: [given.activityFailureDetail] });
    },
  };
  await place.startWorker({ worker: { activities } });
  const handle = await place.client.workflow.start('leaveTexts', { taskQueue: place.taskQueue, workflowId: freshId('texts'), args: [texts], staticSummary: 'canary-summary', staticDetails: 'canary-details', memo: { a: 'canary-memo' } });
  await handle.query('ask', texts.queryInput);
  await handle.query('__temporal_workflow_metadata');
  await handle.signal('tell', texts.signalInput);
  await handle.executeUpdate('change', { args: [texts.updateInput] });
  const failed = await handle.result().catch((e: unknown) => e);
  console.log(failed, (failed as Error).cause);
  const history = await handle.fetchHistory();
  console.log(JSON.stringify(history.events?.at(-1), undefined, 1));
  await place.close();
  await server.stop();
  const bytes = await bytesOfDatabase(dbFilename);
  console.log(bytes.length, findAll({ bytes }, { ...texts, s: 'canary-', id: handle.workflowId }));
  await rm(folder, { recursive: true });
});

import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import { compareLedger } from '@temporal-http-tasks/cli/internal/bundle/verify-log';
import type { LogVerification } from '@temporal-http-tasks/cli/internal/bundle/verify-log';
import { parseCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import type { ParsedCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import { LibsqlDialect } from 'temporal-http-tasks/internal/ledger/libsql/dialect';
import { libsqlStore } from 'temporal-http-tasks/internal/ledger/libsql/store';
import { rawPublicKey } from 'temporal-http-tasks/internal/ledger/log/seal-key';
import { prepareLedger } from 'temporal-http-tasks/internal/ledger/migrate';
import { migrations } from 'temporal-http-tasks/internal/ledger/migrations/index';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { purgeEvidence } from 'temporal-http-tasks/internal/ledger/purge-evidence';
import { postgresStore } from 'temporal-http-tasks/internal/ledger/postgres/store';
import type { LedgerDatabase } from 'temporal-http-tasks/internal/ledger/store';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { Tables } from 'temporal-http-tasks/internal/ledger/tables';
import { BundleStage, newSealKey } from '../evidence/bundle-stage';
import { DATABASES, SUBJECT_KEY, cleanUp, copyOf, intentOf, open, runPastGuards, runRaw, subject } from './databases';
import { CHANGES, copied } from './rewriting';
import { resetClock, setClock } from './sweeps/at-time';
import { writeExampleSweep } from './sweeps/example-sweep';
import { storedLeaves } from './sweeps/stored-leaves';
import { rowsOf } from './sweeps/users';

/** A ledger of which a checkpoint was kept outside. */
interface Kept {
  url: string;
  checkpoint: ParsedCheckpoint;
  key: string;
}

const SEAL_KEY = newSealKey();

/** The public key of the log, as `--key` takes it. */
const PUBLIC_KEY = rawPublicKey(createPublicKey(createPrivateKey(SEAL_KEY))).toString('base64');

async function keptLedger(url: string): Promise<Kept> {
  const { ledger } = await BundleStage.open(url, SEAL_KEY);
  await writeExampleSweep(ledger, { sweepId: 'running', users: 100, ends: false });
  const { sweeps } = ledger;
  await sweeps.create({ sweepId: 'asked', claimedBy: 'r' });
  await sweeps.appendTargets({ sweepId: 'asked', version: 0, rows: rowsOf(0, 2), position: 'end', complete: true });
  await sweeps.requireApproval('asked');
  await sweeps.addApproval({ sweepId: 'asked', approver: 'ann', signature: 'c2ln', total: 2 });
  await sweeps.approve({ sweepId: 'asked', by: 'r', total: 2, approver: 'ann' });
  const policy = {
    namespace: 'default',
    taskQueue: 'q',
    worker: 'w',
    digest: 'a'.repeat(64),
    rules: '{"hours":"9-17"}',
  };
  await ledger.recordPolicy(policy);
  const compensations = [
    { step: 'plaid.items', outcome: 'failed' as const, remedy: 'ask Plaid', evidence: 'ticket 7' },
  ];
  const end = { workflowId: 'w2', runId: 'r2', environment: 'sandbox', subject: subject('u2') };
  const steps = [{ step: 'plaid.items', task: 'plaid.itemRemove', outcome: 'failed' as const }];
  await ledger.recordEnd({ ...end, steps, compensations });
  await ledger.addHold({ holdId: 'lifted', subjects: [subject('u3')], by: 'legal' });
  await ledger.removeHolds({ holdId: 'lifted' });
  const { checkpoint } = await ledger.log.seal({ parts: true });
  const parsed = parseCheckpoint(checkpoint.note);
  if (parsed === undefined) throw new Error('The checkpoint cannot be read.');
  await ledger.close();
  return { url, checkpoint: parsed, key: PUBLIC_KEY };
}

async function compare(ledger: OpenedLedger, { checkpoint, key }: Kept, keptDays = 30): Promise<LogVerification> {
  await ledger.log.seal();
  return compareLedger(ledger, checkpoint, { keys: [key], keptDays });
}

describe.each(DATABASES)('a ledger in $name that was rewritten', ({ freshUrl }) => {
  let kept: Kept;

  beforeAll(async () => {
    kept = await keptLedger(await freshUrl());
  });
  afterAll(cleanUp);

  async function opened(...statements: string[]): Promise<OpenedLedger> {
    const url = await copyOf(kept.url);
    await runPastGuards(url, statements);
    return open(url, { sealKey: SEAL_KEY });
  }

  it('is confirmed while it was only added to', async () => {
    const ledger = await open(await copyOf(kept.url), { sealKey: SEAL_KEY });
    expect((await compare(ledger, kept)).differences).toEqual([]);
    await ledger.recordIntent(intentOf({ workflowId: 'later' }));
    await ledger.addHold({ holdId: 'later', subjects: [subject('later')] });
    await ledger.removeHolds({ holdId: 'h' });
    await ledger.start({ by: 'ann' });
    const later = await compare(ledger, kept);
    expect(later).toMatchObject({ ok: true, differences: [] });
    expect(later.now.size).toBeGreaterThan(later.since.size);
    expect(later.since.signedBy).toHaveLength(1);
  });

  it.each(CHANGES.map(([name, kind, ...statements]) => ({ name, kind, statements })))(
    'is found when $name',
    async ({ kind, statements }) => {
      const ledger = await opened(...statements);
      const { ok, differences } = await compare(ledger, kept);
      expect(ok).toBe(false);
      expect(differences).toContainEqual(expect.objectContaining({ kind }));
    },
  );

  it('is found with every key, although all of it agrees again', async () => {
    const ledger = await opened(
      `update receipts set outcome = 'removed' where workflow_id = 'w'`,
      `delete from hold_log where hold_id = 'lifted'`,
      ...['log_leaves', 'log_contents', 'log_checkpoints', 'log_queue'].map((table) => `delete from ${table}`),
      `update log_state set size = 0, peaks = '[]', parts_id = 0`,
      `insert into log_queue (kind, ref) select 'hold', cast(id as text) from hold_log`,
      `insert into log_queue (kind, ref, content) select 'sweep', sweep_id, head from sweeps where head is not null`,
      `insert into log_queue (kind, ref) values ('stop', '1 set'), ('stop', '1 lifted')`,
    );
    await ledger.log.seal({ parts: true });
    const { differences } = await compare(ledger, kept);
    expect(differences).toContainEqual(expect.objectContaining({ kind: 'log' }));
  });

  it('is found when a run is added later with an earlier date', async () => {
    const ledger = await open(await copyOf(kept.url), { sealKey: SEAL_KEY });
    try {
      setClock('2020-01-31T12:00:00.000Z');
      await ledger.recordIntent(intentOf({ workflowId: 'backdated' }));
    } finally {
      resetClock();
    }
    expect((await compare(ledger, kept)).differences).toMatchObject([
      {
        kind: 'call',
        problem: expect.stringMatching(/^was added after the checkpoint of .*, but says that it is of 2020-/),
      },
    ]);
  });

  it('is found when a purge deletes what has to be kept', async () => {
    const ledger = await open(await copyOf(kept.url), { sealKey: SEAL_KEY });
    try {
      setClock('2030-02-10T00:00:00.000Z');
      expect(await purgeEvidence(ledger, { days: 1 })).toMatchObject({ sweeps: ['first', 'second'] });
      const { differences } = await compare(ledger, kept);
      expect(differences).toMatchObject([{ kind: 'purge' }, { kind: 'purge' }, { kind: 'purge' }]);
    } finally {
      resetClock();
    }
  });

  it('is found when receipts of a sweep are replaced by their hashes without a purge', async () => {
    const hashes = await hashesOf(kept.url);
    const ledger = await opened(
      `delete from receipts where workflow_id = 'first'`,
      `delete from sealed_hashes where sweep = 1`,
      `insert into purged_hashes (sweep, part, hashes) values (1, 0, '${hashes}')`,
    );
    expect((await compare(ledger, kept)).differences).toContainEqual(
      expect.objectContaining({ kind: 'sweep', problem: expect.stringContaining('no leaf says that it was purged') }),
    );
  });
});

describe.each(DATABASES)('a ledger in $name of a version without a log', ({ freshUrl }) => {
  afterAll(cleanUp);

  const AT = `'2026-01-31T10:00:00.000Z'`;
  const EMPTY_ROOT = createHash('sha256').digest('hex');

  async function upgraded(): Promise<Kept & { ledger: OpenedLedger }> {
    const url = await freshUrl();
    await leaveWithoutLog(url);
    await runRaw(
      url,
      `insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service, environment, at)
        values ('old', 'r', 'a', 0, 's', 'intent', 1, '', 't.t', 't', 'e', ${AT})`,
    );
    await runRaw(url, `insert into holds (hold_id, subject, at) values ('old', '${subject('u')}', ${AT})`);
    await runRaw(url, `insert into stops (reason, set_by, at) values ('old', 'ann', ${AT})`);
    await runRaw(
      url,
      `insert into sweeps (sweep_id, skip_done, status, created_at, merkle_root, leaves)
        values ('old', 0, 'completed', ${AT}, '${EMPTY_ROOT}', 0)`,
    );
    const ledger = await open(url, { sealKey: SEAL_KEY });
    const { checkpoint } = await ledger.log.seal();
    const parsed = parseCheckpoint(checkpoint.note);
    if (parsed === undefined) throw new Error('The checkpoint cannot be read.');
    return { url, ledger, checkpoint: parsed, key: PUBLIC_KEY };
  }

  it('begins its log with what was there, which is not taken for added', async () => {
    const { ledger, ...kept } = await upgraded();
    const [first] = await ledger.log.readLeaves({ from: 0, limit: 1 });
    expect(JSON.parse(first?.content ?? '')).toMatchObject({
      kind: 'start',
      receipts: 1,
      holds: ['old'],
      stops: 1,
      sweeps: [['old', EMPTY_ROOT]],
    });
    expect((await compare(ledger, kept)).differences).toEqual([]);
  });

  it.each([
    ['a root of then is changed', 'start', `update sweeps set merkle_root = 'ab'`],
    ['a sweep of then is removed', 'start', `delete from sweeps`],
    ['a hold of then is removed', 'hold', `delete from holds`],
    [
      'a receipt is added to a sweep of then',
      'start',
      copied(`workflow_id = 'old'`, { run_id: `''`, activity_id: `''` }),
    ],
  ])('is found rewritten when %s', async (_what, kind, statement) => {
    const { ledger, ...kept } = await upgraded();
    await runPastGuards(kept.url, [statement]);
    expect((await compare(ledger, kept)).differences).toContainEqual(expect.objectContaining({ kind }));
  });

  it('gives a sweep that an earlier version seals a leaf of its own', async () => {
    const { ledger, ...kept } = await upgraded();
    await runRaw(
      kept.url,
      `insert into sweeps (sweep_id, skip_done, status, created_at) values ('s', 0, 'completed', ${AT})`,
    );
    await runRaw(kept.url, `update sweeps set merkle_root = '${EMPTY_ROOT}', leaves = 0 where sweep_id = 's'`);
    expect((await compare(ledger, kept)).differences).toEqual([]);
    await runPastGuards(kept.url, [`update sweeps set merkle_root = 'ab' where sweep_id = 's'`]);
    expect((await compare(ledger, kept)).differences).toContainEqual(expect.objectContaining({ kind: 'sweep' }));
  });
});

/** Makes a ledger as a version without a log left it. */
async function leaveWithoutLog(url: string): Promise<void> {
  const dialect = url.startsWith('file:')
    ? new LibsqlDialect({ path: url.slice('file:'.length), deadlineMs: 5_000, onThreadLost: () => undefined })
    : new PostgresDialect({ pool: new Pool({ connectionString: url }) });
  const db = new Kysely<Tables>({ dialect });
  const before = migrations.filter((migration) => migration.name < '0017');
  const database: LedgerDatabase = { store: url.startsWith('file:') ? libsqlStore : postgresStore, db };
  await prepareLedger(database, createSubjectHasher(SUBJECT_KEY).fingerprint, before);
  await db.destroy();
}

/** The hashes of the receipts of the first sweep as a purge keeps them. */
async function hashesOf(url: string): Promise<string> {
  const rows = await storedLeaves(url, 1);
  const leaves = rows.map(({ seq, leaf }) => ({ seq, leaf: Buffer.from(leaf, 'base64url') }));
  leaves.sort((a, b) => a.seq - b.seq || Buffer.compare(a.leaf, b.leaf));
  return Buffer.concat(leaves.map(({ leaf }) => leaf)).toString('base64url');
}

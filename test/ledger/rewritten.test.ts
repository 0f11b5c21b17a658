import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import { compareLedger } from '@temporal-http-tasks/cli/internal/bundle/verify-log';
import type { LogVerification } from '@temporal-http-tasks/cli/internal/bundle/verify-log';
import { parseCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import type { ParsedCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import { LibsqlDialect } from 'temporal-http-tasks/internal/ledger/libsql-dialect';
import { rawPublicKey } from 'temporal-http-tasks/internal/ledger/log/seal-key';
import { prepareLedger } from 'temporal-http-tasks/internal/ledger/migrate';
import { migrations } from 'temporal-http-tasks/internal/ledger/migrations/index';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { purgeEvidence } from 'temporal-http-tasks/internal/ledger/purge-evidence';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { LedgerDatabase, Tables } from 'temporal-http-tasks/internal/ledger/tables';
import { BundleStage, newSealKey } from '../evidence/bundle-stage';
import { DATABASES, SUBJECT_KEY, cleanUp, copyOf, intentOf, open, runPastGuards, runRaw, subject } from './databases';
import { resetClock, setClock } from './sweeps/at-time';
import { writeExampleSweep } from './sweeps/example-sweep';
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

const REST = 'step, phase, sweep_id, subject, task, service, environment, outcome, at';

/** Adds copies of receipts, with other values in some columns. */
function copied(
  where: string,
  changed: Partial<Record<'workflow_id' | 'run_id' | 'activity_id' | 'seq', string>>,
): string {
  const place = { workflow_id: 'workflow_id', run_id: 'run_id', activity_id: 'activity_id', seq: 'seq', ...changed };
  const values = [...Object.values(place), '99', REST].join(', ');
  return `insert into receipts (${Object.keys(place).join(', ')}, attempt, ${REST}) select ${values} from receipts where ${where}`;
}

const SETTLED = `workflow_id = 'w' and run_id = 'r1' and phase = 'settled'`;

/** What someone with access to the database does without a trace in it, and the kind that is named. */
const CHANGES: readonly (readonly [name: string, kind: string, ...statements: string[]])[] = [
  [
    'an outcome in a sweep is changed',
    'sweep',
    `update receipts set outcome = 'removed' where workflow_id = 'first' and outcome = 'failed'`,
  ],
  [
    'a user of a sweep is another one',
    'sweep',
    `update receipts set subject = '${subject('x')}' where workflow_id = 'first' and seq = 3`,
  ],
  [
    'a receipt of a sweep is removed',
    'sweep',
    `delete from receipts where workflow_id = 'first' and seq = 7 and phase = 'settled'`,
  ],
  [
    'a user of a sweep is removed everywhere',
    'sweep',
    `delete from receipts where workflow_id = 'first' and seq = 7`,
    `delete from sealed_leaves where seq = 7 and sweep = (select number from sweeps where sweep_id = 'first')`,
    `delete from targets where seq = 7 and sweep = (select number from sweeps where sweep_id = 'first')`,
  ],
  ['a receipt is added to a sweep', 'sweep', copied(`workflow_id = 'first' and seq = 7`, {})],
  [
    'receipts of a user are moved to another one',
    'sweep',
    `update receipts set seq = 1000 where workflow_id = 'first' and seq = 3`,
  ],
  ['the number of users of a sweep is changed', 'sweep', `update sweeps set total = 99 where sweep_id = 'first'`],
  ['the source of a sweep is changed', 'sweep', `update sweeps set rejected = 0 where sweep_id = 'second'`],
  [
    'who asked for a sweep is changed',
    'sweep',
    `update sweeps set about = '{"requestedBy":"eve"}' where sweep_id = 'first'`,
  ],
  ['a sweep is removed', 'sweep', `delete from sweeps where sweep_id = 'second'`],
  [
    'a sealed sweep is added',
    'sweep',
    `insert into sweeps (sweep_id, skip_done, status, created_at, merkle_root, leaves) values ('made', 0, 'completed', '2030-01-31T10:00:00Z', 'ab', 0)`,
  ],
  ['receipts of no sweep are added', 'sweep', copied(`workflow_id = 'first' and seq = 7`, { workflow_id: `'made'` })],
  [
    'what a running sweep recorded is removed',
    'part',
    `delete from receipts where workflow_id = 'running' and seq > 90`,
  ],
  [
    'what a running sweep recorded is changed',
    'part',
    `update receipts set outcome = 'removed' where workflow_id = 'running' and outcome = 'failed'`,
  ],
  [
    'a running sweep is removed',
    'part',
    `delete from receipts where workflow_id = 'running'`,
    `delete from sweeps where sweep_id = 'running'`,
  ],
  ['an outcome of a run is changed', 'run', `update receipts set outcome = 'failed' where ${SETTLED}`],
  ['the user of a run is another one', 'run', `update receipts set subject = '${subject('x')}' where ${SETTLED}`],
  ['a receipt of a run is removed', 'run', `delete from receipts where ${SETTLED}`],
  ['a run is removed', 'run', `delete from receipts where workflow_id = 'w' and run_id = 'r1'`],
  ['a receipt is added to a run', 'run', copied(SETTLED, { activity_id: `'made'` })],
  ['a run is added', 'run', copied(SETTLED, { run_id: `'made'` })],
  ['a lone call is removed', 'call', `delete from receipts where run_id = 'lone'`],
  [
    'what is left to be put right is changed',
    'run',
    `update compensation_log set remedy = 'nothing' where run_id = 'r2'`,
  ],
  ['what is left to be put right is removed', 'run', `delete from compensation_log where run_id = 'r2'`],
  [
    'what is left to be put right is added',
    'run',
    `insert into compensation_log (workflow_id, run_id, position, environment, subject, step, outcome, remedy, evidence, at) select 'made', 'made', position, environment, subject, step, outcome, remedy, evidence, at from compensation_log`,
  ],
  ['the reason of a hold is changed', 'hold', `update hold_log set reason = 'none' where hold_id = 'h'`],
  ['an entry about a hold is removed', 'hold', `delete from hold_log where hold_id = 'h'`],
  [
    'an entry about a hold is added',
    'hold',
    `insert into hold_log (hold_id, change, subjects, at) values ('h', 'lifted', 1, '2026-01-31T10:00:00Z')`,
  ],
  ['a hold is lifted without an entry', 'hold', `delete from holds where hold_id = 'h'`],
  ['a hold is about another user', 'hold', `update holds set subject = '${subject('x')}' where hold_id = 'h'`],
  ['the reason of a hold in force is changed', 'hold', `update holds set reason = 'none' where hold_id = 'h'`],
  [
    'a hold is set without an entry',
    'hold',
    `insert into holds (hold_id, subject, at) values ('made', '${subject('x')}', '2026-01-31T10:00:00Z')`,
  ],
  [
    'a lifted hold is in force again',
    'hold',
    `insert into holds (hold_id, subject, at) values ('lifted', '${subject('u3')}', '2026-01-31T10:00:00Z')`,
  ],
  ['the reason of a stop is changed', 'stop', `update stops set reason = 'none'`],
  ['a stop is removed', 'stop', `delete from stops`],
  ['a stop is added', 'stop', `insert into stops (reason, set_by, at) values ('made', 'eve', '2026-01-31T10:00:00Z')`],
  ['who approved a sweep is changed', 'approval', `update sweeps set approved_by = 'eve' where sweep_id = 'asked'`],
  [
    'an approval is removed',
    'approval',
    `update sweeps set approved_by = null, approved_at = null where sweep_id = 'asked'`,
  ],
  [
    'an approval is added',
    'approval',
    `update sweeps set approved_by = 'eve', approved_at = '2026-01-31T10:00:00Z' where sweep_id = 'running'`,
  ],
  ['a signature is changed', 'approval', `update sweep_approvals set signature = 'b3RoZXI'`],
  ['a signature is removed', 'approval', `delete from sweep_approvals`],
  [
    'a signature is added',
    'approval',
    `insert into sweep_approvals (sweep_id, approver, signature, at) values ('asked', 'eve', 'c2ln', '2026-01-31T10:00:00Z')`,
  ],
  ['the rules of a policy are changed', 'policy', `update policy_log set rules = '{}'`],
  ['a policy is removed', 'policy', `delete from policy_log`],
  [
    'a policy is added',
    'policy',
    `insert into policy_log (namespace, task_queue, worker, at) values ('default', 'q', 'eve', '2026-01-31T10:00:00Z')`,
  ],
  ['the log is emptied', 'log', `delete from log_leaves`],
  ['leaves are removed from the end of the log', 'log', `delete from log_leaves where number > 2`],
  [
    'two leaves are exchanged',
    'log',
    `update log_leaves set number = -1 - number where number < 2`,
    `update log_leaves set number = 2 + number where number < 0`,
  ],
  ['the state of the log is changed', 'log', `update log_state set size = size - 1`],
  [
    'what was hashed is removed',
    'hold',
    `update hold_log set reason = 'none' where hold_id = 'h'`,
    `delete from log_contents where kind = 'hold'`,
  ],
  [
    'what was hashed is changed too',
    'run',
    `update log_contents set content = replace(content, 'r1', 'r9') where kind = 'run'`,
  ],
  [
    'what was hashed is filed as a purge',
    'purge',
    `update receipts set outcome = 'failed' where ${SETTLED}`,
    `update log_contents set kind = 'purge', ref = '' where kind = 'run'`,
  ],
  [
    'a content of no leaf accounts for an entry',
    'hold',
    `insert into hold_log (hold_id, change, subjects, at) values ('made', 'lifted', 1, '2026-01-31T10:00:00Z')`,
    `insert into log_contents (number, kind, ref, content) select 1000, 'hold', cast(max(id) as text), '{}' from hold_log`,
  ],
];

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
      `delete from sealed_leaves where sweep = 1`,
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
  const database: LedgerDatabase = { dialect: url.startsWith('file:') ? 'libsql' : 'postgres', db };
  await prepareLedger(database, createSubjectHasher(SUBJECT_KEY).fingerprint, before);
  await db.destroy();
}

/** The hashes of the receipts of the first sweep as a purge keeps them. */
async function hashesOf(url: string): Promise<string> {
  const rows = await runRaw(url, 'select seq, leaf from sealed_leaves where sweep = 1');
  const leaves = rows.map(({ seq, leaf }) => ({ seq: Number(seq), leaf: Buffer.from(String(leaf), 'base64url') }));
  leaves.sort((a, b) => a.seq - b.seq || Buffer.compare(a.leaf, b.leaf));
  return Buffer.concat(leaves.map(({ leaf }) => leaf)).toString('base64url');
}

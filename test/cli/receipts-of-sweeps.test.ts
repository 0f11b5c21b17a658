import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { DATABASES, SUBJECT_KEY, cleanUp, open, temporaryFolder } from '../ledger/databases';
import { writeExampleSweep } from '../ledger/sweeps/example-sweep';
import { rowsOf, userNumber } from '../ledger/sweeps/users';
import { runCli, runJson } from './run-cli';
import type { CliEnv, Refused } from './run-cli';

const SWEEP = 'closed accounts';
const USERS = 200;
/** Would be a formula in a spreadsheet. */
const FORMULA = '=HYPERLINK("evil")';

describe.each(DATABASES)('the receipts of a sweep in $name', ({ freshUrl }) => {
  let ledger: OpenedLedger;
  let env: CliEnv;
  let all: Receipt[];

  beforeAll(async () => {
    const url = await freshUrl();
    ledger = await open(url);
    env = { HTTP_TASKS_LEDGER_URL: url, HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY };
    await writeExampleSweep(ledger, { sweepId: SWEEP, users: USERS, code: FORMULA });
    await writeExampleSweep(ledger, { sweepId: 'another sweep', users: 100 });
    await ledger.sweeps.create({ sweepId: 'a fresh sweep' });
    all = await ledger.sweeps.readReceipts({ sweepId: SWEEP, afterSeq: -1, limit: 100_000 });
  });
  afterAll(cleanUp);

  const settled = () => all.filter(({ phase }) => phase === 'settled');

  it('are an array of the final outcomes, each as it is for a single run', async () => {
    const { code, document } = await runJson<Record<string, unknown>[]>(['receipts', SWEEP], env);
    expect(code).toBe(0);
    expect(document).toEqual(
      settled().map(
        ({ subject, step, task, environment, outcome, requestId, token, at, workflowId }) =>
          JSON.parse(
            JSON.stringify({
              subject,
              step,
              task,
              environment,
              outcome,
              requestId,
              token,
              at,
              workflowId,
              sealed: true,
            }),
          ) as unknown,
      ),
    );
    expect(document.length).toBeGreaterThan(USERS * 2);
  });

  it('hold what was tried again later only among the attempts', async () => {
    const { document } = await runJson<{ phase: string; outcome: string; code?: string }[]>(
      ['receipts', SWEEP, '--attempts'],
      env,
    );
    expect(document).toHaveLength(all.length);
    expect(document.filter(({ phase }) => phase === 'outcome')).toMatchObject([
      { outcome: 'failed', code: 'RATE_LIMIT', runId: '', attempt: 1 },
      { outcome: 'failed', code: 'RATE_LIMIT' },
    ]);
  });

  it('report of a user who is not done what is known so far', async () => {
    await writeExampleSweep(ledger, { sweepId: 'unfinished', users: 100, ends: false });
    const { document } = await runJson<{ outcome: string; requestId?: string }[]>(['receipts', 'unfinished'], env);
    expect(document.filter(({ requestId }) => requestId === 'req-13')).toMatchObject([
      { step: 'plaid.items', outcome: 'failed' },
    ]);
  });

  it('are a table of the first fifty for people, with the way to all of them', async () => {
    const { code, stdout, stderr } = await runCli(['receipts', SWEEP], env);
    expect(code).toBe(0);
    expect(stdout.match(/^│ (?!Step)\S/gm)).toHaveLength(50);
    expect(stdout).toMatch(/^User 1\b/m);
    expect(stderr).toContain("http-tasks receipts 'closed accounts' --csv --out receipts.csv");
    expect(stderr).toContain('--html --out report.html');
  });

  it('are CSV with every column, in which no text is a formula', async () => {
    const { code, stdout } = await runCli(['receipts', SWEEP, '--csv'], env);
    expect(code).toBe(0);
    const rows = parse<Record<string, string>>(stdout, { columns: true });
    expect(rows).toHaveLength(settled().length);
    const text = (value: string | number | undefined): string =>
      `${typeof value === 'string' && /^[=+\-@]/.test(value) ? "'" : ''}${value ?? ''}`;
    expect(rows).toEqual(
      settled().map((receipt) => ({
        receipt: String(receipt.id),
        workflow_id: SWEEP,
        run_id: '',
        activity_id: '',
        seq: String(receipt.seq),
        subject: text(receipt.subject),
        step: receipt.step,
        task: receipt.task,
        service: receipt.service,
        environment: receipt.environment,
        key_slot: text(receipt.keySlot),
        phase: 'settled',
        round: String(receipt.round),
        attempt: String(receipt.attempt),
        outcome: text(receipt.outcome),
        reason: text(receipt.reason),
        failure_type: text(receipt.failureType),
        status: text(receipt.status),
        code: text(receipt.code),
        request_id: text(receipt.requestId),
        token: text(receipt.token),
        items: '',
        at: receipt.at,
        sealed: 'true',
        reference: '',
      })),
    );
    expect(rows.filter(({ code: one }) => one === `'${FORMULA}`)).toHaveLength(2);
    expect(stdout).not.toMatch(/(^|,)"?[=+@]/m);
  });

  it('are JSON lines with every field unchanged', async () => {
    const { code, stdout } = await runCli(['receipts', SWEEP, '--jsonl', '--attempts'], env);
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toEqual(all.map(({ id, ...receipt }) => ({ receipt: id, ...receipt, sealed: true })));
  });

  it('find a user in each sweep by any of its ids, and no other user', async () => {
    const { plaidUserId = '', batchUserId = '' } = userNumber(42);
    const subjects = new Set(rowsOf(42, 43).flatMap((row) => row.subjects));
    for (const id of [plaidUserId, batchUserId]) {
      const { document } = await runJson<{ workflowId: string; subject: string; step: string }[]>(
        ['receipts', id],
        env,
      );
      expect(document.filter(({ subject }) => !subjects.has(subject))).toEqual([]);
      for (const workflowId of [SWEEP, 'another sweep']) {
        expect(document.filter((one) => one.workflowId === workflowId).map(({ step }) => step)).toEqual([
          'plaid.items',
          'plaid.products',
          'batch.ios',
        ]);
      }
    }
  });

  it('of a sweep without any are none, with exit 1 and no file', async () => {
    const folder = temporaryFolder();
    expect(await runJson(['receipts', 'a fresh sweep'], env)).toMatchObject({ code: 1, document: [] });
    const written = await runJson(['receipts', 'a fresh sweep', '--csv', '--out', join(folder, 'none.csv')], env);
    expect(written).toMatchObject({ code: 1, document: { format: 'csv', receipts: 0 } });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('go into a new file that only its owner may read, and into an old one only by force', async () => {
    const folder = temporaryFolder();
    const file = join(folder, '--receipts.csv');
    const first = await runJson(['receipts', SWEEP, '--csv', '--out', file], env);
    expect(first).toMatchObject({ code: 0, document: { file, format: 'csv', receipts: settled().length } });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(file, 'kept');
    const again = await runJson<Refused>(['receipts', SWEEP, '--csv', '--out', file], env);
    expect(again).toMatchObject({ code: 2, document: { error: { type: 'Usage', field: 'out' } } });
    expect(readFileSync(file, 'utf8')).toBe('kept');
    const { code, stdout, stderr } = await runCli(['receipts', SWEEP, '--jsonl', '--out', file, '--force'], env);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain(`${settled().length} receipts`);
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(settled().length + 1);
    expect(readdirSync(folder)).toEqual(['--receipts.csv']);
  });

  it.each([
    [['--csv', '--jsonl'], 'jsonl'],
    [['--csv', '--html'], 'html'],
    [['--csv', '--json'], 'csv'],
    [['--out', 'x.csv'], 'out'],
    [['--force'], 'force'],
    [['--csv', '--out', ''], 'out'],
    [['--csv', '--out', '/nowhere/at/all.csv'], 'out'],
    [['--csv', '--out', '/dev/null', '--force'], 'out'],
    [['--html', '--attempts', '--out', 'x.html'], 'attempts'],
  ])('refuse %j', async (options, field) => {
    const { code, stdout } = await runCli(['receipts', SWEEP, ...options, '--json'], env);
    expect({ code, ...(JSON.parse(stdout) as Refused) }).toMatchObject({ code: 2, error: { type: 'Usage', field } });
  });

  it('of a single run are exported in the same way', async () => {
    const run = {
      workflowId: 'offboard-one',
      runId: 'run-of-one',
      activityId: '1',
      attempt: 1,
      step: 'plaid.items',
      task: 'plaid.userItemsRemove',
      service: 'plaid',
      environment: 'sandbox',
    };
    const subject = rowsOf(900_000, 900_001)[0]?.subjects[0] ?? '';
    await ledger.recordIntent({ ...run, refuseUnsettled: true, subjects: [subject], holdSubjects: [subject] });
    const { stdout, code } = await runCli(['receipts', 'one', '--csv'], env);
    expect(code).toBe(0);
    expect(parse(stdout, { columns: true })).toMatchObject([
      { workflow_id: 'offboard-one', run_id: 'run-of-one', phase: 'intent', outcome: 'unknown' },
    ]);
    const { code: refused, document } = await runJson<Refused>(
      ['receipts', 'one', '--html', '--out', join(temporaryFolder(), 'one.html')],
      env,
    );
    expect({ refused, field: document.error.field }).toEqual({ refused: 2, field: 'html' });
  });
});

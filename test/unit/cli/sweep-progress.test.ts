import type { ChunkProgress } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { fitParts } from '@temporal-http-tasks/cli/internal/terminal/output';
import { withRunningChunks } from '@temporal-http-tasks/cli/internal/sweep/watch';
import type { SweepNotes } from '@temporal-http-tasks/cli/internal/sweep/sweep-report';
import { printSweep, sayNextSteps, toDocument } from '@temporal-http-tasks/cli/internal/sweep/sweep-report';
import { localTime } from '@temporal-http-tasks/cli/internal/terminal/words';
import type { Io } from '@temporal-http-tasks/cli/internal/program/io';
import {
  RateMeter,
  progressParts,
  progressText,
  showSweep,
} from '@temporal-http-tasks/cli/internal/sweep/watch-display';
import { noCounts } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { OutcomeCounts, SweepProgress } from 'temporal-http-tasks/internal/policy/sweep-result';

function progress(counts: Partial<OutcomeCounts> = {}, more: Partial<SweepProgress> = {}): SweepProgress {
  return {
    sweepId: 'sweep-1',
    status: 'running',
    counts: { ...noCounts(), ...counts },
    duplicates: 0,
    rejected: 0,
    phase: 'users',
    round: 1,
    underWay: 2,
    waitingForBulk: 0,
    titles: { bulk: ['Batch'], others: ['Plaid'] },
    startedAt: '2030-01-01T00:00:00.000Z',
    ...more,
  };
}

function chunk(outcomes: ChunkProgress['outcomes'], more: Partial<ChunkProgress> = {}): ChunkProgress {
  const settled = Object.values(outcomes).reduce((sum, users) => sum + users, 0);
  return { opened: settled, settled, waitingForBulk: 0, deferred: 0, outcomes, ...more };
}

describe('the live counts of a sweep', () => {
  it('are those of the workflow together with those of the chunks in progress', () => {
    const shown = progress({ total: 100, pending: 60, removed: 40 });
    const live = withRunningChunks(shown, [
      chunk({ removed: 10, failed: 1 }),
      chunk({ removed: 5 }, { waitingForBulk: 7 }),
    ]);
    expect(live.counts).toEqual({ ...noCounts(), total: 100, pending: 44, removed: 55, failed: 1 });
    expect(live.waitingForBulk).toBe(7);
    expect(shown.counts.removed).toBe(40);
  });

  it('add up to the total also when a chunk reports more users than are pending', () => {
    const { counts } = withRunningChunks(progress({ total: 10, pending: 3, removed: 7 }), [
      chunk({ removed: 5, failed: 2 }),
    ]);
    const { total, ...others } = counts;
    expect(Object.values(others).reduce((sum, users) => sum + users, 0)).toBe(total);
  });
});

describe('the line of progress', () => {
  it('shows how many, how fast, the time left and the outcomes', () => {
    const text = progressText(progress({ total: 12_000, pending: 9_000, removed: 2_990, failed: 10 }), 250);
    expect(text).toBe('3,000/12,000 users · 250/s · 36 s left · failed 10, removed 2,990');
  });

  it.each<[string, Partial<SweepProgress>, string]>([
    ['the source', { phase: 'reading' }, 'reading the source'],
    ['approval', { phase: 'waitingForApproval', status: 'waitingForApproval' }, 'waiting for approval'],
    ['deferred users', { phase: 'waiting' }, 'next try soon'],
    ['bulk calls', { phase: 'bulk', waitingForBulk: 5 }, '5 waiting for Batch · making the bulk calls at Batch'],
    [
      'its chunks to stop',
      { status: 'paused', pausedBecause: 'request', underWay: 3 },
      'pausing (on request): 3 chunks finish their work in progress',
    ],
    [
      'a person',
      { status: 'paused', pausedBecause: 'Task.Unauthorized batch.ios', underWay: 0, phase: 'paused' },
      'paused (Task.Unauthorized batch.ios)',
    ],
    ['the seal', { phase: 'closing' }, 'sealing the receipts'],
  ])('says that it waits for %s', (_, more, expected) => {
    expect(progressText(progress({}, more), undefined)).toBe(expected);
  });
});

describe('users whose last calls are missing', () => {
  it('are kept apart from those who are done: waiting for Batch, or for a later try', () => {
    const atBatch = progress({ total: 5_003, pending: 5_003 }, { waitingForBulk: 1_558 });
    expect(progressText(atBatch, undefined)).toBe('1,558/5,003 users done at Plaid · 1,558 waiting for Batch');
    const tail = progress(
      { total: 5_003, pending: 1, accepted: 5_002 },
      { phase: 'waiting', nextTryAt: '2030-01-01T00:01:00.000Z' },
    );
    expect(progressText(tail, undefined)).toBe(
      `5,002/5,003 users · accepted 5,002 · 1 user to be tried again at ${localTime('2030-01-01T00:01:00.000Z')}`,
    );
    const both = progress(
      { total: 10, pending: 7, accepted: 3 },
      { phase: 'waiting', waitingForBulk: 5, nextTryAt: new Date(Date.now() + 60_000).toISOString() },
    );
    expect(progressText(both, undefined)).toMatch(
      /^8\/10 users done at Plaid · accepted 3 · 5 waiting for Batch · 2 users to be tried again at \d\d:\d\d:\d\d$/,
    );
  });

  it('do not leave the bar full', () => {
    let drawn = '';
    const stderr = {
      isTTY: true,
      columns: 200,
      write: (text: string) => (drawn += text),
      cursorTo: () => undefined,
      clearLine: () => undefined,
      moveCursor: () => undefined,
    };
    const display = showSweep({ stderr } as unknown as Io);
    display.show(progress({ total: 5_003, pending: 1, accepted: 5_002 }, { phase: 'waiting' }), {
      limit: 'plaid 300 calls/min (sweep s)',
    });
    display.stop();
    expect(drawn).toMatch(/█░ {2}5,002\/5,003 users/);
    expect(drawn).toContain('plaid 300 calls/min (sweep s)');
  });
});

describe('a line in a narrow terminal', () => {
  const parts = progressParts(progress({ total: 12_000, pending: 9_000, removed: 2_990, failed: 10 }), 250);

  it.each([
    [80, '3,000/12,000 users · 250/s · 36 s left · failed 10, removed 2,990'],
    [60, '3,000/12,000 users · 36 s left · failed 10, removed 2,990'],
    [50, '3,000/12,000 users · failed 10, removed 2,990'],
    [30, '3,000/12,000 users · failed 1…'],
  ])('of %d columns leaves out how fast it goes before anything else', (width, text) =>
    expect(fitParts(parts, width)).toBe(text),
  );
});

describe('the rate', () => {
  it('is that of the last seconds, and unknown before it says anything', () => {
    const meter = new RateMeter();
    expect(meter.rate(0, 0)).toBeUndefined();
    expect(meter.rate(10, 500)).toBeUndefined();
    expect(meter.rate(100, 2_000)).toBe(50);
    for (let second = 3; second <= 60; second++) meter.rate(100, second * 1_000);
    expect(meter.rate(100, 61_000)).toBe(0);
  });
});

describe('the document of a sweep', () => {
  it('has exactly the fields of the contract, and pending only when users are', () => {
    const { pending: _, ...outcomes } = noCounts();
    const ended = progress({ total: 2, removed: 2 }, { status: 'completed', merkleRoot: 'ab', redriveOf: 'other' });
    expect(toDocument(ended)).toEqual({
      sweepId: 'sweep-1',
      status: 'completed',
      counts: { ...outcomes, total: 2, removed: 2 },
      duplicates: 0,
      rejected: 0,
      merkleRoot: 'ab',
    });
    const paused = toDocument(
      progress({ total: 2, pending: 1, removed: 1 }, { status: 'paused', pausedBecause: 'tolerance' }),
    );
    expect(paused).toMatchObject({ pausedBecause: 'tolerance', counts: { pending: 1 } });
    expect(Object.keys(paused)).not.toContain('merkleRoot');
  });

  it.each([
    ['completed', 'Dry run: nothing was changed or deleted.', /without --dry-run/],
    ['partial', 'Dry run: nothing was changed or deleted.', /^(?![^]*redrive)[^]*without --dry-run/],
    ['paused', 'Dry run: nothing is changed or deleted.', /sweep resume sweep-1/],
  ] as const)('says of a dry run that is %s that it changes nothing', (status, words, next) => {
    const looked = progress({ total: 2, skipped: 1, failed: 1 }, { status });
    expect(toDocument(looked, { dryRun: true })).toMatchObject({ status, dryRun: true });
    const [printed, said]: [string[], string[]] = [[], []];
    const io = {
      stdout: { write: (text: string) => printed.push(text) },
      stderr: { write: (text: string) => said.push(text) },
      env: {},
    } as unknown as Io;
    printSweep(io, looked, { dryRun: true });
    sayNextSteps(io, looked, { dryRun: true });
    expect(printed.join('')).toContain(words);
    expect(said.join('')).toMatch(next);
  });

  it('does not advise to redrive users whose IDs are gone, for example to another redrive', () => {
    const failed = progress({ total: 2, failed: 2 }, { status: 'failed' });
    const said = (notes: SweepNotes): string => {
      const lines: string[] = [];
      const stderr = { write: (text: string) => lines.push(text) };
      sayNextSteps({ stderr, env: {} } as unknown as Io, failed, notes);
      return lines.join('');
    };
    expect(said({})).toContain('sweep redrive sweep-1');
    expect(said({ released: true })).not.toContain('redrive');
  });

  it('says until when a sweep can be approved, and that it was not approved', () => {
    const approveUntil = '2030-01-31T00:00:00.000Z';
    expect(
      toDocument(progress({ total: 2, pending: 2 }, { status: 'waitingForApproval', approveUntil })),
    ).toMatchObject({ status: 'waitingForApproval', approveUntil });
    const cancelled = { ...progress({ total: 2, skipped: 2 }), status: 'cancelled', cancelledBecause: 'notApproved' };
    expect(toDocument(cancelled as SweepProgress)).toMatchObject({
      status: 'cancelled',
      cancelledBecause: 'notApproved',
    });
    const printed: string[] = [];
    const io = { stdout: { write: (text: string) => printed.push(text) }, env: {} } as unknown as Io;
    printSweep(io, cancelled as SweepProgress);
    expect(printed.join('')).toContain('Status: cancelled (not approved in time)');
  });
});

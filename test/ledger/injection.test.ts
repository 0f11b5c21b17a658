import type { Ledger } from 'temporal-http-tasks/internal/ledger/ledger';
import { DATABASES, cleanUp, intentOf, open, runRaw, subject } from './databases';

const ATTACKS = [
  `'; drop table receipts; --`,
  `" or 1=1 --`,
  `x'); delete from receipts where ('1'='1`,
  `\\'; truncate holds; select '`,
  '$1 ${x} ? :name @p',
  `[","]}{"a":1}`,
  `\u202e rtl, emoji 🧨, quote ’, newline\n\r\t, backslash \\`,
  '',
];

describe.each(DATABASES)('hostile text in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: Ledger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
  });
  afterAll(cleanUp);

  it.each(ATTACKS)('stays data in every field: %j', async (text) => {
    const intent = intentOf({
      workflowId: `w${text}`,
      runId: `r${text}`,
      activityId: `a${text}`,
      step: text,
      task: text,
      service: text,
      environment: text,
      keySlot: text,
    });
    expect(await ledger.recordIntent(intent)).toEqual({ kind: 'recorded' });
    await ledger.recordOutcome({ ...intent, outcome: 'accepted', code: text, requestId: text, token: text });
    const key = { workflowId: `w${text}`, runId: `r${text}` };
    const shared = {
      ...key,
      activityId: `a${text}`,
      step: text,
      task: text,
      service: text,
      environment: text,
      keySlot: text,
    };
    expect(await ledger.readReceipts(key)).toMatchObject([
      { ...shared, phase: 'intent' },
      { ...shared, phase: 'outcome', code: text, requestId: text, token: text },
    ]);

    const line = { step: text, outcome: 'unknown', remedy: text, evidence: text } as const;
    const settled = { step: text, task: text, outcome: 'unknown', reason: text } as const;
    await ledger.recordEnd({
      ...key,
      environment: text,
      subject: subject('x'),
      steps: [settled],
      compensations: [line],
    });
    expect(await ledger.readCompensations(key)).toEqual([line]);

    const holdId = `hold ${text}`;
    await ledger.addHold({ holdId, subjects: [subject(text)], reason: text });
    expect((await ledger.listHolds()).find((hold) => hold.holdId === holdId)).toMatchObject({ reason: text });
    expect(await ledger.removeHolds({ holdId })).toBe(1);
  });

  it('loses no row and no table to it', async () => {
    const [row] = await runRaw(url, 'select count(*) as n from receipts');
    expect(Number(row?.['n'])).toBe(ATTACKS.length * 3);
  });

  it('has a replacement character for a NUL and for half a surrogate pair, which not every database can hold', async () => {
    const intent = intentOf({ workflowId: 'nul\0id' });
    await ledger.recordIntent(intent);
    await ledger.recordOutcome({ ...intent, outcome: 'failed', code: 'a\0b\ud83dc 🧨' });
    const receipts = await ledger.readReceipts({ workflowId: 'nul\0id' });
    expect(receipts.map(({ phase, code }) => ({ phase, code }))).toEqual([
      { phase: 'intent', code: undefined },
      { phase: 'outcome', code: 'a\uFFFDb\uFFFDc 🧨' },
    ]);
    await ledger.addHold({ holdId: 'half \ud83d', subjects: [subject('half')] });
    expect(await ledger.removeHolds({ holdId: 'half \ud83d' })).toBe(1);
  });
});

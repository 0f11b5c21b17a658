import type { CallOutcome, Intent, Ledger } from 'temporal-http-tasks/internal/ledger/ledger';
import { DATABASES, cleanUp, intentOf, item, open, runRaw, subject } from './databases';

function outcomeOf(intent: Intent, changes: Partial<CallOutcome> = {}): CallOutcome {
  const { workflowId, runId, activityId, attempt, step, task, service, environment, subjects } = intent;
  return {
    workflowId,
    runId,
    activityId,
    attempt,
    step,
    task,
    service,
    environment,
    subjects,
    outcome: 'removed',
    ...changes,
  };
}

describe.each(DATABASES)('receipts in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: Ledger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
  });
  afterAll(cleanUp);

  it('are found by a user: all receipts of each run that was about them, and of no other', async () => {
    const about = (runId: string, user: string, step: string) =>
      ledger.recordOutcome(outcomeOf(intentOf({ workflowId: `of-${runId}`, runId, step, subjects: [subject(user)] })));
    await about('found-1', 'wanted', 'plaid.items');
    await about('found-1', 'the same user at Batch', 'batch.ios');
    await about('found-2', 'wanted', 'plaid.items');
    await about('other', 'somebody else', 'plaid.items');
    const receipts = await ledger.readReceipts({ subjects: [subject('wanted'), subject('nobody')] });
    expect(receipts.map(({ runId, step }) => `${runId} ${step}`)).toEqual([
      'found-1 plaid.items',
      'found-1 batch.ios',
      'found-2 plaid.items',
    ]);
    await expect(ledger.readReceipts({ subjects: ['usr_raw_id'] })).rejects.toThrow(TypeError);
  });

  it('keep an intent and its outcome, in the order they were written, with every field', async () => {
    const intent = intentOf({ workflowId: 'fields', keySlot: 'ios' });
    expect(await ledger.recordIntent(intent)).toEqual({ kind: 'recorded' });
    await ledger.recordOutcome(
      outcomeOf(intent, {
        keySlot: 'ios',
        outcome: 'failed',
        failureType: 'Task.Rejected',
        status: 400,
        code: 'ITEM_NOT_FOUND',
        requestId: 'req-1',
        token: 'token-1',
      }),
    );
    const shared = {
      workflowId: 'fields',
      runId: 'run-1',
      activityId: '1',
      id: expect.any(Number) as number,
      round: 0,
      attempt: 1,
      seq: 0,
      subject: subject('user-1'),
      step: 'plaid.items',
      task: 'plaid.userItemsRemove',
      service: 'plaid',
      environment: 'sandbox',
      keySlot: 'ios',
      at: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
    };
    expect(await ledger.readReceipts({ workflowId: 'fields' })).toEqual([
      { ...shared, phase: 'intent' },
      {
        ...shared,
        phase: 'outcome',
        outcome: 'failed',
        failureType: 'Task.Rejected',
        status: 400,
        code: 'ITEM_NOT_FOUND',
        requestId: 'req-1',
        token: 'token-1',
      },
    ]);
  });

  it('are one when a repeat-safe intent is repeated with the same key and attempt, and the first outcome stays', async () => {
    const intent = intentOf({ workflowId: 'repeated', refuseUnsettled: false });
    for (let repeat = 0; repeat < 3; repeat++) {
      expect(await ledger.recordIntent(intent)).toEqual({ kind: 'recorded' });
    }
    await ledger.recordOutcome(outcomeOf(intent, { requestId: 'first' }));
    await ledger.recordOutcome(outcomeOf(intent, { requestId: 'second', outcome: 'failed' }));
    const receipts = await ledger.readReceipts({ workflowId: 'repeated' });
    expect(receipts.map(({ phase, requestId, outcome }) => ({ phase, requestId, outcome }))).toEqual([
      { phase: 'intent', requestId: undefined, outcome: undefined },
      { phase: 'outcome', requestId: 'first', outcome: 'removed' },
    ]);
  });

  it('are one when many write the same intent at the same moment', async () => {
    const others = await Promise.all([open(url), open(url), open(url)]);
    const intent = intentOf({ workflowId: 'at-once', refuseUnsettled: false });
    const responses = await Promise.all(
      [ledger, ...others].flatMap((each) => [each.recordIntent(intent), each.recordIntent(intent)]),
    );
    expect(responses).toEqual(Array.from({ length: 8 }, () => ({ kind: 'recorded' })));
    expect(await ledger.readReceipts({ workflowId: 'at-once' })).toHaveLength(1);
  });

  it('let only one of many send that write the same irreversible intent at the same moment', async () => {
    const others = await Promise.all([open(url), open(url), open(url)]);
    const intent = intentOf({ workflowId: 'one-sends' });
    const responses = await Promise.all(
      [ledger, ...others].flatMap((each) => [each.recordIntent(intent), each.recordIntent(intent)]),
    );
    expect(responses.map(({ kind }) => kind).sort()).toEqual([
      'recorded',
      ...Array.from({ length: 7 }, () => 'unsettled'),
    ]);
  });

  it.each(['removed', 'accepted', 'unknown'] as const)(
    'refuse a later attempt of an irreversible call whose earlier one ended %s, and was perhaps never reported',
    async (outcome) => {
      const first = intentOf({ workflowId: `unreported-${outcome}` });
      await ledger.recordIntent(first);
      await ledger.recordOutcome(outcomeOf(first, { outcome }));
      expect(await ledger.recordIntent({ ...first, attempt: 2 })).toEqual({ kind: 'unsettled' });
    },
  );

  it('refuse an irreversible attempt whose number was used before: the activity was reset', async () => {
    const first = intentOf({ workflowId: 'reset' });
    await ledger.recordIntent(first);
    expect(await ledger.recordIntent(first)).toEqual({ kind: 'unsettled' });
    await ledger.recordOutcome(outcomeOf(first, { outcome: 'failed' }));
    expect(await ledger.recordIntent(first)).toEqual({ kind: 'unsettled' });
  });

  it('say that a call was perhaps sent also when a hold was set since', async () => {
    const first = intentOf({ workflowId: 'sent-then-held', subjects: [subject('sent-then-held')] });
    await ledger.recordIntent(first);
    await ledger.addHold({ holdId: 'since', subjects: first.subjects });
    expect(await ledger.recordIntent({ ...first, attempt: 2 })).toEqual({ kind: 'unsettled' });
    expect(await ledger.recordIntent({ ...first, activityId: '2' })).toEqual({ kind: 'held' });
  });

  it('let a hold stop a repeat-safe call that is recorded already', async () => {
    const first = intentOf({
      workflowId: 'recorded-then-held',
      subjects: [subject('recorded-then-held')],
      refuseUnsettled: false,
    });
    await ledger.recordIntent(first);
    await ledger.addHold({ holdId: 'after', subjects: first.subjects });
    expect(await ledger.recordIntent(first)).toEqual({ kind: 'held' });
  });

  it('refuse a later attempt while an earlier one has an intent and no outcome, and write nothing', async () => {
    await ledger.recordIntent(intentOf({ workflowId: 'crashed' }));
    expect(await ledger.recordIntent(intentOf({ workflowId: 'crashed', attempt: 2 }))).toEqual({ kind: 'unsettled' });
    expect(await ledger.recordIntent(intentOf({ workflowId: 'crashed', attempt: 3 }))).toEqual({ kind: 'unsettled' });
    expect(await ledger.readReceipts({ workflowId: 'crashed' })).toHaveLength(1);
  });

  it('let a later attempt through once the earlier one has an outcome for every subject', async () => {
    const subjects = [subject('a'), subject('b')];
    const first = intentOf({ workflowId: 'settled', subjects });
    await ledger.recordIntent(first);
    await ledger.recordOutcome(outcomeOf(first, { subjects: [subject('a')], outcome: 'failed' }));
    const second = intentOf({ workflowId: 'settled', subjects, attempt: 2 });
    expect(await ledger.recordIntent(second)).toEqual({ kind: 'unsettled' });
    await ledger.recordOutcome(outcomeOf(first, { outcome: 'failed' }));
    expect(await ledger.recordIntent(second)).toEqual({ kind: 'recorded' });
  });

  it('refuse an attempt that was frozen and wakes after a later one has begun', async () => {
    const later = intentOf({ workflowId: 'frozen', attempt: 2 });
    await ledger.recordIntent(later);
    await ledger.recordOutcome(outcomeOf(later));
    expect(await ledger.recordIntent(intentOf({ workflowId: 'frozen', attempt: 1 }))).toEqual({ kind: 'unsettled' });
  });

  it('let a repeat-safe call be sent again after a missing outcome', async () => {
    const intent = intentOf({ workflowId: 'repeat-safe', refuseUnsettled: false });
    await ledger.recordIntent(intent);
    expect(await ledger.recordIntent({ ...intent, attempt: 2 })).toEqual({ kind: 'recorded' });
  });

  it('do not mix up calls that differ only in workflow, run or activity', async () => {
    await ledger.recordIntent(intentOf({ workflowId: 'apart' }));
    for (const other of [{ workflowId: 'apart-2' }, { runId: 'run-2' }, { activityId: '2' }]) {
      const response = await ledger.recordIntent(intentOf({ workflowId: 'apart', ...other, attempt: 2 }));
      expect(response).toEqual({ kind: 'recorded' });
    }
  });

  it('number the subjects of a bulk call, up to ten thousand of them', async () => {
    const subjects = Array.from({ length: 10_000 }, (_, index) => subject(`bulk-${index}`));
    const intent = intentOf({ workflowId: 'bulk', subjects, holdSubjects: subjects });
    expect(await ledger.recordIntent(intent)).toEqual({ kind: 'recorded' });
    await ledger.recordOutcome(outcomeOf(intent, { outcome: 'accepted', token: 'bulk-token' }));
    const receipts = await ledger.readReceipts({ workflowId: 'bulk' });
    expect(receipts).toHaveLength(20_000);
    const outcomes = receipts.filter(({ phase }) => phase === 'outcome');
    expect(new Map(outcomes.map(({ seq, subject: hash }) => [seq, hash]))).toEqual(new Map(subjects.entries()));
    expect(outcomes.every(({ token }) => token === 'bulk-token')).toBe(true);
  });

  it('have an empty subject when a call is about no user', async () => {
    const intent = intentOf({ workflowId: 'nobody', subjects: [] });
    expect(await ledger.recordIntent(intent)).toEqual({ kind: 'recorded' });
    await ledger.recordOutcome(outcomeOf(intent));
    const receipts = await ledger.readReceipts({ workflowId: 'nobody' });
    expect(receipts.map((receipt) => receipt.subject)).toEqual(['', '']);
  });

  it('are read for one run or for all runs of a workflow', async () => {
    await ledger.recordIntent(intentOf({ workflowId: 'runs', runId: 'a' }));
    await ledger.recordIntent(intentOf({ workflowId: 'runs', runId: 'b' }));
    expect((await ledger.readReceipts({ workflowId: 'runs' })).map(({ runId }) => runId)).toEqual(['a', 'b']);
    expect((await ledger.readReceipts({ workflowId: 'runs', runId: 'b' })).map(({ runId }) => runId)).toEqual(['b']);
  });

  it('report which steps and items of a user were seen or removed, and nothing of others or of mere intents', async () => {
    const user = [subject('historic')];
    const read = intentOf({ workflowId: 'history', activityId: 'read', step: 'plaid.list', subjects: user });
    await ledger.recordIntent(read);
    expect(await ledger.readHistory(user)).toEqual({ steps: [], items: [] });
    await ledger.recordOutcome(outcomeOf(read, { outcome: 'skipped', items: [item('x'), item('y')] }));
    const refused = intentOf({ workflowId: 'history', activityId: 'no', step: 'plaid.products', subjects: user });
    await ledger.recordOutcome(outcomeOf(refused, { outcome: 'failed' }));
    const batch = intentOf({ workflowId: 'history', activityId: 'batch', step: 'batch.ios', subjects: user });
    await ledger.recordOutcome(outcomeOf(batch, { outcome: 'accepted' }));
    const expected = { steps: ['batch.ios', 'plaid.list'], items: [item('x'), item('y')].sort() };
    expect(await ledger.readHistory(user)).toEqual(expected);
    expect(await ledger.readHistory([subject('stranger'), ...user])).toEqual(expected);
    expect(await ledger.readHistory([subject('stranger')])).toEqual({ steps: [], items: [] });
    expect(await ledger.readHistory([])).toEqual({ steps: [], items: [] });
  });

  it('count a read that saw a user without items as having seen the user', async () => {
    const user = [subject('itemless')];
    const read = intentOf({ workflowId: 'itemless', subjects: user });
    await ledger.recordOutcome(outcomeOf(read, { outcome: 'skipped', items: [] }));
    expect(await ledger.readHistory(user)).toEqual({ steps: ['plaid.items'], items: [] });
  });

  it('keep the end of a run and its compensation log once, however often it is reported', async () => {
    const end = {
      workflowId: 'ended',
      runId: 'run-1',
      environment: 'sandbox',
      subject: subject('ended'),
      steps: [
        { step: 'plaid.items', task: 'plaid.userItemsRemove', outcome: 'removed', requestId: 'req-9' },
        {
          step: 'batch.ios',
          task: 'batch.customDataDelete',
          outcome: 'failed',
          failureType: 'Task.Unauthorized',
          status: 401,
          code: '10',
          reason: 'key refused',
        },
      ],
      compensations: [
        { step: 'plaid.items', outcome: 'removed', remedy: 'The user must link again.', evidence: 'request_id=req-9' },
        { step: 'batch.ios', outcome: 'failed', remedy: 'Run it again with a good key.', evidence: 'code=10' },
      ],
    } as const;
    await ledger.recordEnd(end);
    await Promise.all([ledger.recordEnd(end), ledger.recordEnd(end)]);
    const receipts = await ledger.readReceipts({ workflowId: 'ended' });
    expect(receipts).toMatchObject([
      { phase: 'settled', seq: 0, step: 'plaid.items', service: 'plaid', outcome: 'removed', requestId: 'req-9' },
      {
        phase: 'settled',
        seq: 1,
        step: 'batch.ios',
        service: 'batch',
        outcome: 'failed',
        failureType: 'Task.Unauthorized',
        status: 401,
        code: '10',
        reason: 'key refused',
      },
    ]);
    expect(await ledger.readCompensations({ workflowId: 'ended' })).toEqual(end.compensations);
    expect(await ledger.readCompensations({ workflowId: 'ended', runId: 'another' })).toEqual([]);
    expect((await ledger.readHistory([subject('ended')])).steps).toEqual(['plaid.items']);
  });

  it.each([
    'update receipts set code = code',
    'delete from receipts',
    'update compensation_log set step = step',
    'delete from compensation_log',
  ])('cannot be changed in the database: %s', async (statement) => {
    await ledger.recordIntent(intentOf({ workflowId: 'append-only' }));
    await expect(runRaw(url, statement)).rejects.toThrow('append-only');
    expect(await ledger.readReceipts({ workflowId: 'append-only' })).toHaveLength(1);
  });

  it('refuse a raw id in place of a keyed hash, without repeating it', async () => {
    const raw = 'jane@example.com';
    const calls = [
      () => ledger.recordIntent(intentOf({ workflowId: 'raw', subjects: [raw] })),
      () => ledger.recordIntent(intentOf({ workflowId: 'raw', subjects: [subject('a')], holdSubjects: [raw] })),
      () => ledger.recordOutcome(outcomeOf(intentOf({ workflowId: 'raw' }), { items: [raw] })),
      () =>
        ledger.recordEnd({ workflowId: 'raw', runId: '', environment: '', subject: raw, steps: [], compensations: [] }),
      () => ledger.readHistory([raw]),
      () => ledger.isHeld([raw]),
      () => ledger.addHold({ holdId: 'raw', subjects: [raw] }),
    ];
    for (const call of calls) {
      const refusal: unknown = await call().catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(TypeError);
      expect(String(refusal)).toContain('is not a keyed hash');
      expect(String(refusal)).not.toContain(raw);
    }
    expect(await ledger.readReceipts({ workflowId: 'raw' })).toEqual([]);
  });
});

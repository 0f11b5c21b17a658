import { batchProvider } from 'temporal-http-tasks/internal/providers/batch/provider';
import { builtInStepPlan } from 'temporal-http-tasks/internal/providers/built-in';
import { plaidProvider } from 'temporal-http-tasks/internal/providers/plaid/provider';
import { stepPlanOf } from 'temporal-http-tasks/internal/providers/plan';
import { shortly } from '../unit/policy/drive';
import { LOST, scriptedRun } from './scripted-run';
import type { Response, RunChanges } from './scripted-run';

const good = (output: unknown = { request_id: 'r' }): Response => ({ output });
const refused = (code: string): Response => ({ type: 'Task.Rejected', status: 400, code });
const GONE = refused('ITEM_NOT_FOUND');

describe('access tokens of single Items', () => {
  const TOKENS = { accessTokens: ['t_1', 't_2'] };

  function run(responses: Response[], changes: RunChanges = {}, ids: Record<string, string | string[]> = TOKENS) {
    const { steps, calls } = scriptedRun(plaidProvider(), ids, responses, changes);
    return { steps: shortly(steps), calls: calls.map(({ task }) => task), inputs: calls.map(({ input }) => input) };
  }

  it('are removed one by one, with the reason as /item/remove has it, and nothing else is done', () => {
    const { steps, inputs } = run([good()], { reason: { code: 'USER_OFFBOARDING', note: 'Closed.' } });
    expect(steps).toEqual(['plaid.itemsByToken removed x2']);
    expect(inputs).toEqual(
      ['t_1', 't_2'].map((access_token) => ({ access_token, reason_code: 'OTHER', reason_note: 'Closed.' })),
    );
    for (const [given, sent] of [
      ['FRAUD_ABUSE', 'FRAUD_ABUSE'],
      ['FRAUD_TRANSACTION', 'FRAUD_OTHER'],
      ['CONSUMER_ACCOUNT_CLOSED', 'OTHER'],
    ] as const)
      expect(run([good()], { reason: { code: given } }).inputs[0]).toMatchObject({ reason_code: sent });
  });

  it('are checked when a response was lost', () => {
    expect(run([LOST, GONE, good()])).toMatchObject({
      steps: ['plaid.itemsByToken removed x2'],
      calls: ['itemRemove', 'itemGet', 'itemRemove'],
    });
    expect(run([LOST, good({ item: {} }), good(), good()])).toMatchObject({
      steps: ['plaid.itemsByToken removed x2'],
      calls: ['itemRemove', 'itemGet', 'itemRemove', 'itemRemove'],
    });
    // A token of the other environment is refused in the same way, so that it never counts as removed.
    expect(run([LOST, refused('INVALID_ACCESS_TOKEN'), good()]).steps).toEqual([
      'plaid.itemsByToken unknown x1',
      'plaid.itemsByToken removed x1',
    ]);
  });

  it('that are gone already are distinguished by what the ledger knows', () => {
    expect(run([GONE]).steps).toEqual(['plaid.itemsByToken notFound x2']);
    const known = { steps: [], ids: [], hadItems: [], entries: { 'plaid.accessTokens': ['t_1'] } };
    expect(run([GONE], { known }).steps).toEqual([
      'plaid.itemsByToken alreadyGone x1',
      'plaid.itemsByToken notFound x1',
    ]);
  });

  it('can be terminated on request, which leaves nothing to remove', () => {
    const include = ['plaid.itemProducts'];
    expect(run([good()], { include })).toMatchObject({
      steps: ['plaid.itemProducts removed x2', 'plaid.itemsByToken skipped/itemsTerminated'],
      calls: ['itemProductsTerminate', 'itemProductsTerminate'],
      inputs: [{ access_token: 't_1', reason_code: 'USER_OFFBOARDING' }, { access_token: 't_2' }],
    });
    expect(run([refused('INVALID_FIELD'), refused('INVALID_FIELD'), good()], { include }).steps).toEqual([
      'plaid.itemProducts failed x2',
      'plaid.itemsByToken removed x2',
    ]);
  });

  it('and Asset Reports go alongside the steps of a user', () => {
    const ids = { userId: 'usr_1', ...TOKENS, assetReportTokens: ['a_1'] };
    const responses = [good({ items: [] }), good(), good(), good(), good({ removed: true, request_id: 'r' })];
    expect(run(responses, {}, ids).steps).toEqual([
      'plaid.items skipped/noItems',
      'plaid.products removed',
      'plaid.itemsByToken removed x2',
      'plaid.assetReports removed x1',
    ]);
  });

  it('change no plan of users without them', () => {
    const base = (ids?: string[]) =>
      stepPlanOf({ providers: [{ provider: plaidProvider(), keys: ['default'], ...(ids && { ids }) }], options: {} });
    expect(base(['userId', 'itemIds'])).toEqual(base());
    expect(JSON.stringify(base())).not.toMatch(/accessTokens|assetReport/);
    const more = base(['userId', 'accessTokens']);
    expect(more.steps.slice(0, 2)).toEqual(base().steps);
    expect(more.steps.slice(2)).toMatchObject([{ step: 'plaid.itemsByToken', when: { any: ['plaid.accessTokens'] } }]);
  });
});

describe('Batch', () => {
  const PENDING = { request_type: 'remove', status: 'pending', id: { type: 'custom_id', value: 'u' } };
  const filed = good({ token: 'new' });
  const done = good({ status: 'done' });

  function run(mode: string, responses: Response[]) {
    const { steps, calls } = scriptedRun(batchProvider(), { userId: 'u' }, responses, {
      keys: ['ios'],
      options: { mode },
    });
    return { steps: shortly(steps), calls: calls.map(({ task }) => task), last: calls.at(-1)!.input };
  }

  it('deletes the custom data and files a GDPR request in the mode "both"', () => {
    expect(run('both', [good({ token: 'cd' }), filed, good({ status: 'pending' }), done])).toMatchObject({
      steps: ['batch.ios accepted', 'batch.ios-gdpr removed'],
      calls: ['customDataDelete', 'gdprRequestCreate', 'gdprRequestGet', 'gdprRequestGet'],
    });
  });

  const accepted = good({ token: 'cd' });
  const unread: Response = { type: 'Task.UnexpectedResponse' };

  it('looks for a filing besides the custom data whose response cannot be read', () => {
    const others = [
      { ...PENDING, request_id: 'of another', id: { type: 'custom_id', value: 'v' } },
      { ...PENDING, request_id: 'a review', request_type: 'review' },
      { ...PENDING, request_id: 'older', status: 'done' },
    ];
    const found = good([...others, { ...PENDING, request_id: 'mine' }]);
    expect(run('both', [accepted, unread, found, done])).toMatchObject({
      steps: ['batch.ios accepted', 'batch.ios-gdpr removed'],
      calls: ['customDataDelete', 'gdprRequestCreate', 'gdprRequestsList', 'gdprRequestGet'],
      last: { id: 'mine', app: 'ios' },
    });
    expect(run('both', [accepted, unread, good(others), filed, done])).toMatchObject({
      steps: ['batch.ios accepted', 'batch.ios-gdpr removed'],
      calls: ['customDataDelete', 'gdprRequestCreate', 'gdprRequestsList', 'gdprRequestCreate', 'gdprRequestGet'],
      last: { id: 'new' },
    });
  });

  it.each<[string, Response]>([
    ['is too large', unread],
    ['is refused', refused('12')],
    ['is no list', good({})],
  ])('files again when the list %s', (_what, list) => {
    const { steps, last } = run('both', [accepted, unread, list, filed, done]);
    expect(steps).toEqual(['batch.ios accepted', 'batch.ios-gdpr removed']);
    expect(last).toMatchObject({ id: 'new' });
  });

  it('looks for it in the mode "gdpr", too', () => {
    expect(run('gdpr', [unread, good([{ ...PENDING, request_id: 'mine' }]), done])).toMatchObject({
      steps: ['batch.ios removed'],
      calls: ['gdprRequestCreate', 'gdprRequestsList', 'gdprRequestGet'],
      last: { id: 'mine', app: 'ios' },
    });
  });

  it('keeps the plan of runs that make it themselves: they began before filings were looked for in the mode "gdpr"', () => {
    const plan = builtInStepPlan({ removeUser: false, batchMode: 'gdpr', batchApps: ['ios'] });
    expect(plan.steps.at(-1)).toMatchObject({ step: 'batch.ios', kind: 'request' });
    expect(JSON.stringify(plan)).not.toContain('gdprRequestsList');
  });
});

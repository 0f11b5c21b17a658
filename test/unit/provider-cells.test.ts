import { join } from 'node:path';
import { cellsOf } from '@temporal-http-tasks/testing/internal/faults/check-provider';
import { IdMaker } from '@temporal-http-tasks/testing/internal/faults/provider-facts';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { judgeProviderUser } from '@temporal-http-tasks/testing/internal/oracle/judge-provider';
import type { ObservedUser } from '@temporal-http-tasks/testing/internal/oracle/judge-provider';
import { PROVIDER_FAULTS } from '@temporal-http-tasks/testing/internal/oracle/provider-cell';
import type { ProviderCell, StepFacts } from '@temporal-http-tasks/testing/internal/oracle/provider-cell';
import { LIBRARY, writeProvider } from '../openapi/provider-files';

describe('the cells of a check', () => {
  it('are every fault at every call of every step, in both flows, and each flow without a fault', async () => {
    const cells = cellsOf(await readProviderFile(join(__dirname, '../../packages/cli/examples/courier.provider.yaml')));
    const places = new Set(
      cells.map(({ flow, step, role, call, afterLost = '' }) => [flow, step, role, call, afterLost].join(' ')),
    );
    const ofFlow = (flow: string): string[] => [...places].filter((place) => place.startsWith(`${flow} c`));
    expect(ofFlow('sweep').map((place) => place.replace('sweep courier.', ''))).toEqual([
      'devices look listDevices ',
      'devices act removeDevices ',
      'erasure act fileErasure ',
      'erasure follow getErasure ',
      'erasure find listErasures ',
      'erasure find listErasures fileErasure',
      'contact look getContact deleteContact',
      'contact act deleteContact ',
    ]);
    expect(cells).toHaveLength(2 * (8 * PROVIDER_FAULTS.length + 1));
  });

  it('a bulk call takes the place of the single one in a sweep, and a manual step has none', async () => {
    const cells = cellsOf(await readProviderFile(writeProvider(LIBRARY)));
    const calls = (flow: string, step: string): string[] => [
      ...new Set(
        cells.filter((cell) => cell.flow === flow && cell.step === `cityLibrary.${step}`).map(({ call }) => call),
      ),
    ];
    expect(calls('sweep', 'member')).toEqual(['deleteMembers']);
    expect(calls('offboardUser', 'member')).toEqual(['getMember', 'deleteMember']);
    expect(calls('sweep', 'shelf')).toEqual([]);
  });
});

it('users get IDs that the tasks take, and of two alternatives the one that the step uses', async () => {
  const { provider } = await readProviderFile(writeProvider(LIBRARY));
  const ids = new IdMaker(provider).make('cityLibrary.erasure');
  expect(Object.keys(ids)).toEqual(['memberId', 'cards', 'loanIds', 'personId']);
  expect(ids.memberId).toMatch(/^\d+$/);
  expect(ids.cards).toHaveLength(2);
});

describe('the oracle knows kinds of steps', () => {
  const contact: StepFacts = {
    step: 'courier.contact',
    kind: 'once',
    calls: {
      act: { operation: 'deleteContact', effect: 'irreversible', resent: false, absent: [404], namesUser: true },
      look: { operation: 'getContact', effect: 'read', resent: false, absent: [404], namesUser: true },
    },
    looksFirst: false,
    after: [],
  };
  const cell: ProviderCell = {
    flow: 'offboardUser',
    step: contact.step,
    role: 'act',
    call: 'deleteContact',
    fault: 'lost after processing',
    nth: 1,
    alone: false,
  };
  const call = (endpoint: string, status: number | null, processed: boolean, fault?: 'dropAfter') => ({
    seq: 1,
    at: '2026-01-01T00:00:00.000Z',
    endpoint,
    user: 'c_1',
    users: 1,
    status,
    processed,
    ...(fault && { fault }),
  });
  const receipt = (phase: string, step = contact.step) => ({
    phase,
    step,
    task: 'courier.deleteContact',
    activityId: '1',
    attempt: 1,
  });
  const good: ObservedUser = {
    report: { status: 'completed', steps: [{ step: contact.step, outcome: 'removed' }] },
    receipts: [receipt('intent'), receipt('outcome')],
    steps: [{ step: contact.step, left: 0, gone: 1, filed: 0, beyond: 0 }],
    notAbout: [],
    calls: [call('deleteContact', null, true, 'dropAfter'), call('getContact', 404, true)],
    repeats: [],
    faultMet: true,
    unplaced: [],
  };
  const problems = (changes: Partial<ObservedUser>, step = contact): readonly string[] =>
    judgeProviderUser(cell, [step], { ...good, ...changes }).problems;
  const outcome = (name: string): Partial<ObservedUser> => ({
    report: { status: 'partial', steps: [{ step: contact.step, outcome: name }] },
  });

  it('accepts a step that was settled by its look', () => {
    expect(judgeProviderUser(cell, [contact], good)).toEqual({ problems: [], completed: true });
  });

  it.each<[string, Partial<ObservedUser>, RegExp]>([
    ['still there', { steps: [{ step: contact.step, left: 1, gone: 0, filed: 0, beyond: 0 }] }, /still there/],
    ['failed, and carried out', outcome('failed'), /reported as failed, but the provider carried it out/],
    ['not found, and there', outcome('notFound'), /but the provider had it/],
    ['no outcome', { report: { status: 'completed', steps: [] } }, /no outcome is reported/],
    ['no result', { report: undefined, problem: 'it had not ended' }, /it had not ended/],
    ['carried out twice', { repeats: [{ endpoint: 'deleteContact', times: 1 }] }, /carried out 2 times/],
    ['no intent', { receipts: [] }, /the ledger has/],
    ['an intent without an outcome', { receipts: [receipt('intent')] }, /no outcome/],
    ['a fault that did not happen', { faultMet: false }, /was not called/],
    [
      'sent again without a look',
      { calls: [call('deleteContact', null, true, 'dropAfter'), call('deleteContact', 404, false)] },
      /without a read in between/,
    ],
  ])('finds: %s', (_what, changes, problem) => {
    expect(problems(changes).join('; ')).toMatch(problem);
  });

  it('calls about several items do not count as repetitions of each other', () => {
    const about = (item: string) => ({ ...call('deleteContact', null, true, 'dropAfter'), items: [item] });
    expect(problems({ calls: [about('i_1'), about('i_2')] }).join()).not.toContain('without a read in between');
    expect(problems({ calls: [about('i_1'), about('i_2'), about('i_1')] }).join()).toContain(
      'without a read in between',
    );
  });

  it('a step that is about other users has to be skipped', () => {
    const none = { ...outcome('skipped'), steps: [], calls: [], receipts: [], notAbout: [contact.step] };
    expect(problems(none)).toEqual([]);
    expect(problems({ ...none, ...outcome('removed') }).join()).toContain('courier.contact is removed');
    expect(problems({ ...none, notAbout: [] }).join()).toContain('courier.contact is skipped');
  });

  it('unknown is right only where a lost call cannot be settled, and only when one was lost', () => {
    expect(problems(outcome('unknown')).join()).toContain('courier.contact is unknown');
    const blind = { ...contact, calls: { act: contact.calls.act! } };
    expect(problems(outcome('unknown'), blind)).toEqual([]);
    const calls = [call('deleteContact', 200, true)];
    expect(problems({ ...outcome('unknown'), calls }, blind).join()).toContain('every call got its response');
  });
});

import { PlannedSteps } from '@temporal-http-tasks/evidence/internal/report/planned-steps';
import type { ReportData } from '@temporal-http-tasks/evidence/internal/report/report-data';
import {
  acceptingSystems,
  furtherSentences,
  mainSentence,
} from '@temporal-http-tasks/evidence/internal/report/sentences';
import { rateSentence } from '@temporal-http-tasks/evidence/internal/rate-words';
import type { ReceiptGroup } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import { noCounts } from 'temporal-http-tasks/internal/policy/sweep-result';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { readProvider } from '@temporal-http-tasks/openapi';
import { LIBRARY, writeProvider } from '../../openapi/provider-files';

let planned: PlannedSteps;

beforeAll(async () => {
  const providers = new ProviderSet([await readProvider(writeProvider(LIBRARY))]);
  const keyed = { environment: 'sandbox', keySlots: ['ios'] };
  const services = new Map([
    ['plaid', { environment: 'sandbox', keySlots: [] }],
    ['batch', keyed],
    ['cityLibrary', { environment: 'test', keySlots: [] }],
  ]);
  planned = new PlannedSteps(JSON.stringify(providers.planFor({}, services)));
});

const group = (step: string, service: string, outcome: ReceiptGroup['outcome']): ReceiptGroup => ({
  phase: 'settled',
  step,
  task: `${service}.task`,
  service,
  environment: 'test',
  outcome,
  receipts: 1,
  withProof: 0,
});

function data(counts: Partial<ReportData['counts']>, groups: readonly ReceiptGroup[]): ReportData {
  return {
    counts: { ...noCounts(), open: 0, waitingForBulk: 0, ...counts },
    users: { users: 0, receipts: [] },
    summary: { groups },
    sweep: { rejected: 0, snapshotComplete: true },
    needsPerson: ['failed', 'unknown'],
    planned,
  } as unknown as ReportData;
}

describe('a report', () => {
  it('names steps by the title of their provider and account, in the order of the recorded plan', () => {
    expect(planned.labelOf({ step: 'cityLibrary.member', service: 'cityLibrary' })).toBe('City Library member');
    expect(planned.labelOf({ step: 'cityLibrary.member', service: 'cityLibrary/acme' })).toBe(
      'City Library (acme) member',
    );
    expect(planned.labelOf({ step: 'hold', service: 'cityLibrary' })).toBe('hold');
    // A step that was skipped for all users is about no service.
    expect(planned.labelOf({ step: 'cityLibrary.loans', service: '' })).toBe('City Library loans');
    const steps = ['cityLibrary.cards', 'batch.ios', 'cityLibrary.loans', 'plaid.strange', 'hold', 'plaid.items'];
    expect(steps.sort(planned.compare)).toEqual([
      'hold',
      'plaid.items',
      'plaid.strange',
      'batch.ios',
      'cityLibrary.loans',
      'cityLibrary.cards',
    ]);
  });

  it('names systems that the plan does not know by their service', () => {
    expect(planned.titleOf('gone')).toBe('gone');
    expect(new PlannedSteps(undefined).titleOf('plaid/acme')).toBe('Plaid (acme)');
  });

  it('knows which steps are done in bulk calls', () => {
    expect(['batch.ios', 'cityLibrary.member', 'cityLibrary.loans'].map((step) => planned.isBulk({ step }))).toEqual([
      true,
      true,
      false,
    ]);
    expect(new PlannedSteps(undefined).isBulk({ step: 'batch.android' })).toBe(true);
  });

  it('takes the words for a task from the plan, where it is not one of the package', () => {
    expect(planned.taskWords('plaid.userItemsRemove')).toMatchObject({ route: 'POST /user/items/remove' });
    expect(planned.taskWords('cityLibrary.deleteMember')).not.toHaveProperty('route');
    expect(planned.taskWords('gone.task')).toBeUndefined();
  });

  it('says who accepted what, and never more than is known', () => {
    const library = group('cityLibrary.erasure', 'cityLibrary', 'accepted');
    const one = data({ total: 2, accepted: 2 }, [library]);
    expect(mainSentence(one)).toBe('City Library has accepted the deletion of all 2 users; none needs attention.');
    expect(furtherSentences(one)).toEqual([
      'What City Library has accepted was not done when the sweep ended; its receipts have the request to ask about.',
    ]);
    const batch = group('batch.ios', 'batch', 'accepted');
    const two = data({ total: 1, accepted: 1 }, [group('plaid.items', 'plaid', 'removed'), batch]);
    expect(mainSentence(two)).toBe(
      'The one user is removed from Plaid, and Batch has accepted the deletion; none needs attention.',
    );
    const several = data({ total: 3, accepted: 3 }, [library, batch]);
    expect(acceptingSystems(several)).toEqual(['Batch', 'City Library']);
    expect(mainSentence(several)).toBe(
      'For all 3 users the last that is known is that Batch or City Library accepted the deletion; none needs attention.',
    );
  });

  it('names the service of a limit by its title and account', () => {
    const row = { keySlot: '', sweeps: [], callsPerSecond: 1, sweepCallsPerSecond: 1, standingPerMinute: 60 };
    expect(rateSentence({ ...row, service: 'cityLibrary/acme' }, planned.titleOf)).toMatch(/^City Library \(acme\) is/);
    expect(rateSentence({ ...row, service: 'plaid/acme' })).toMatch(/^Plaid \(acme\) is limited/);
  });
});

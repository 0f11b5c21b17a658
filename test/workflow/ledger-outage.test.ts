import Database from 'libsql';
import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { callsFor, seedUser, startOffboarding, stepLines, until } from '../support/offboarding-runs';
import { openLink } from '../support/breakable-link';
import type { BreakableLink } from '../support/breakable-link';
import { freshPostgresUrl } from '../support/postgres';

type Handle = Awaited<ReturnType<typeof startOffboarding>>;

/** The failure of the latest attempt of the activity that the run is waiting for. */
async function lastFailureType(handle: Handle): Promise<string | null | undefined> {
  const { raw } = await handle.describe();
  return raw.pendingActivities?.[0]?.lastFailure?.applicationFailureInfo?.type;
}

/** Whether the first workflow task has given up waiting for the ledger, in which the run has to be recorded first. */
async function gaveUpWaiting(handle: Handle): Promise<boolean> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).some(({ workflowTaskCompletedEventAttributes: attributes }) => attributes);
}

describe('an embedded ledger that another process has locked', () => {
  let place: Place;

  beforeAll(async () => {
    place = await openPlace({ plaid: { repeatedRemovals: 'process' } });
    await place.startWorker();
  });

  afterAll(() => place.close());

  it('lets nothing be sent, since the run cannot be recorded; the run continues by itself once it is free', async () => {
    const { user, plaidUserId, batchUserId } = seedUser(place);
    const locking = new Database(place.ledgerFile);
    locking.exec('begin immediate');
    const handle = await startOffboarding(place, { user });
    await until('the first workflow task gave up waiting', () => gaveUpWaiting(handle), 45_000);
    expect(callsFor(place, plaidUserId)).toEqual([]);
    expect(callsFor(place, batchUserId)).toEqual([]);
    locking.exec('rollback');
    locking.close();
    const result = await handle.result();
    expect(result.status).toBe('completed');
    expect(place.simulators.plaid.state().repeats.irreversible).toEqual([]);
  });
});

describe('a Postgres ledger', () => {
  let place: Place;
  let link: BreakableLink;

  beforeAll(async () => {
    const ledgerViewUrl = await freshPostgresUrl();
    const linked = new URL(ledgerViewUrl);
    link = await openLink(Number(linked.port));
    linked.port = String(link.port);
    place = await openPlace({
      plaid: { repeatedRemovals: 'process' },
      ledgerUrl: linked.href,
      ledgerViewUrl,
      env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '20000' },
    });
    await place.startWorker();
  });

  afterAll(async () => {
    await place.close();
    await link.close();
  });

  it('that cannot be reached holds a run back before its first call, and the run continues when it can', async () => {
    const { user, plaidUserId } = seedUser(place);
    link.cut();
    const handle = await startOffboarding(place, { user });
    await until('the first workflow task gave up waiting', () => gaveUpWaiting(handle), 45_000);
    expect(callsFor(place, plaidUserId)).toEqual([]);
    link.restore();
    const result = await handle.result();
    expect(stepLines(result)).toEqual([
      'plaid.items removed',
      'plaid.products removed',
      'batch.ios accepted',
      'batch.android accepted',
    ]);
  });

  it('that stays away lets a run wait in timers, so that its history hardly grows', async () => {
    const { user, plaidUserId } = seedUser(place);
    link.cut();
    const handle = await startOffboarding(place, { user });
    const waits = async (): Promise<boolean> => {
      const { events } = await handle.fetchHistory();
      return (events ?? []).some(
        ({ timerStartedEventAttributes: timer }) => Number(timer?.startToFireTimeout?.seconds) >= 10,
      );
    };
    await until('a pause is a timer', waits, 80_000);
    expect(callsFor(place, plaidUserId)).toEqual([]);
    link.restore();
    const result = await handle.result();
    expect(result.status).toBe('completed');
  });

  it('that is lost while an irreversible call is in flight makes its outcome unknown, which looking then settles', async () => {
    const { user, plaidUserId } = seedUser(place);
    place.simulators.plaid.faults.add({
      endpoint: 'userItemsRemove',
      kind: 'stall',
      stallMs: 1_000,
      user: plaidUserId,
    });
    const handle = await startOffboarding(place, { user });
    await until('the removal is in flight', () => callsFor(place, plaidUserId).includes('userItemsRemove'));
    link.cut();
    await until(
      'the look could not be recorded',
      async () => (await lastFailureType(handle)) === 'Task.LedgerUnavailable',
      45_000,
    );
    expect(callsFor(place, plaidUserId).filter((call) => call !== 'userItemsGet')).toEqual(['userItemsRemove']);
    link.restore();
    const result = await handle.result();
    expect(result.status).toBe('completed');
    expect(result.steps[0]).toMatchObject({ outcome: 'removed', items: 1 });
    const receipts = await place.ledger.readReceipts(handle);
    const removal = receipts.filter(({ task, phase }) => task === 'plaid.userItemsRemove' && phase !== 'settled');
    expect(removal.map(({ phase }) => phase)).toEqual(['intent']);
    expect(place.simulators.plaid.state().repeats.irreversible).toEqual([]);
  });
});

import { MockActivityEnvironment } from '@temporalio/testing';
import type {
  ChunkDependencies,
  SweepDependencies,
} from 'temporal-http-tasks/internal/activities/sweep/sweep-dependencies';
import { closeTargets } from 'temporal-http-tasks/internal/activities/sweep/close-targets';
import type { ChunkInput, ChunkResult, CloseTargets } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { ProcessLimits } from 'temporal-http-tasks/internal/activities/sweep/process-limits';
import { runBulk } from 'temporal-http-tasks/internal/activities/sweep/bulk-run';
import { runChunk } from 'temporal-http-tasks/internal/activities/sweep/run-chunk';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { defineProvider, defineService } from 'temporal-http-tasks';
import type { Provider, StepDefinition } from 'temporal-http-tasks';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import type { SweepRow, SweepTerms } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { identitiesOf, subjectsOf } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { StepPlan } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import { idsOf } from 'temporal-http-tasks/internal/policy/user-ids';
import { doneStepsOf } from 'temporal-http-tasks/internal/providers/done-steps';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { Catalogue, CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { DATABASES, open, SUBJECT_KEY } from '../../../ledger/databases';
import { quiet } from '../../../support/quiet-runtime';
import { courierService, courierWith, COURIER_TASKS } from '../../../unit/providers/courier';
import { hasher, planOf, UNLIMITED } from '../chunk-place';
import { CourierServer } from './courier-server';

/** A process that offboards users at the courier. */
export interface CourierPlace extends SweepDependencies, ChunkDependencies {
  ledger: SweepDependencies['ledger'];
  sender: SweepDependencies['sender'];
  catalogue: Catalogue;
  providers: ProviderSet;
  services: SweepDependencies['services'];
  plan: StepPlan;
  close(): Promise<void>;
}

/** The courier at this address, with these steps. */
export function courierAt(origin: string, steps: readonly StepDefinition[]): Provider {
  const service = defineService({
    ...courierService,
    environments: { sandbox: origin },
    baseUrlSetting: 'COURIER_BASE_URL',
  });
  const { ids, title } = courierWith();
  const tasks = COURIER_TASKS.map((task) => ({ ...task, service }));
  return defineProvider({ name: 'courier', title, service, tasks, ids, steps });
}

/** One process's worth of dependencies. */
export async function openCourierPlace(provider: Provider, ledgerUrl: string): Promise<CourierPlace> {
  const env = {
    HTTP_TASKS_LEDGER_URL: ledgerUrl,
    HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
    HTTP_TASKS_TOTAL_TIMEOUT_MS: '20000',
    COURIER_TOKEN: 'courier-token-of-tests',
  };
  const settings = readSettings(env, [provider.service]);
  const sender = createTaskSender(settings.sender);
  const providers = new ProviderSet([provider]);
  return {
    ledger: await open(ledgerUrl),
    sender,
    budgets: UNLIMITED,
    hasher,
    catalogue: new Catalogue([...CATALOGUE, ...provider.tasks]),
    providers,
    services: settings.sender.services,
    limits: new ProcessLimits(),
    allowSensitive: settings.allowSensitive,
    sourceSettings: settings.sources,
    searchAttributes: () => [],
    callers: { describe: () => Promise.resolve(undefined) },
    plan: providers.planFor({ providers: ['courier'] }, settings.sender.services),
    close: () => sender.close(),
  };
}

/** A user by number: contact, person and devices. */
export function courierUser(number: number): TargetUser {
  return {
    ids: {
      courier: { contactId: `c-${number}`, personId: `p-${number}`, deviceIds: [`d-${number}-1`, `d-${number}-2`] },
    },
  };
}

export function courierRow(user: TargetUser): TargetRow {
  return { user, subjects: subjectsOf(identitiesOf(idsOf(user)), () => 'sandbox', hasher) };
}

/** What a sweep at this place is opened with. */
export function termsAt({ plan }: CourierPlace): SweepTerms {
  return {
    plan: JSON.stringify(planOf({ providers: ['courier'] })),
    stepsPlan: JSON.stringify(plan),
    needsApproval: false,
    maxUsers: 1_000_000,
  };
}

/** A sweep over these users, opened for a plan. */
export async function seedCourierSweep(
  place: CourierPlace,
  sweepId: string,
  users: readonly TargetUser[],
  { skipDone = false }: { skipDone?: boolean } = {},
): Promise<SweepRow> {
  const { sweeps } = place.ledger;
  await sweeps.create({ sweepId, claimedBy: 'run-1', skipDone, terms: termsAt(place) });
  const { version } = await sweeps.readSnapshot(sweepId);
  await sweeps.appendTargets({
    sweepId,
    version,
    rows: users.map(courierRow),
    environments: { courier: 'sandbox' },
    doneSteps: doneStepsOf(place.plan),
    isThing: place.providers.isThing,
    position: 'end',
    complete: true,
  });
  return (await sweeps.read(sweepId))!;
}

/** One attempt at a chunk over all users of a sweep. */
export async function attempt(
  place: CourierPlace,
  sweepId: string,
  changes: Partial<ChunkInput> = {},
  dependencies: Partial<ChunkDependencies> = {},
): Promise<ChunkResult> {
  const row = (await place.ledger.sweeps.read(sweepId))!;
  const input = {
    sweepId,
    fromSeq: 0,
    toSeq: Math.max(0, row.total - 1),
    plan: planOf(),
    beginForMs: 60_000,
    ...changes,
  };
  const { claimedBy, stepsPlan } = row;
  return runChunk(
    { ...input, claimedBy, ...(stepsPlan !== undefined && { stepsPlan }) },
    { ...place, ...dependencies },
  );
}

/** Attempts until no user is left who could be tried before a person does something. */
export async function settle(place: CourierPlace, sweepId: string, changes: Partial<ChunkInput> = {}): Promise<void> {
  for (;;) {
    await attempt(place, sweepId, changes);
    const { ranges } = await place.ledger.sweeps.readUnfinished({
      sweepId,
      chunkSize: 1_000_000,
      limit: 1,
      fromSeq: 0,
    });
    const waitMs = Date.parse(ranges[0]?.notBefore ?? '') - Date.now() || 0;
    if (ranges.length === 0 || waitMs > 3_600_000) return;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** Makes the bulk calls of a queue. */
export async function bulk(place: CourierPlace, sweepId: string, app: string): Promise<void> {
  const row = (await place.ledger.sweeps.read(sweepId))!;
  await inActivity(() => runBulk(place, { sweepId, app, beginForMs: 60_000 }, row));
}

/** Records a final outcome for all users who are left. */
export async function close(place: CourierPlace, sweepId: string, reason: CloseTargets['reason']): Promise<void> {
  const row = (await place.ledger.sweeps.read(sweepId))!;
  await inActivity(() => closeTargets(place, { sweepId, reason }, row));
}

/** Runs the work of an activity as a worker does. */
export function inActivity<T>(work: () => Promise<T>): Promise<T> {
  return new MockActivityEnvironment({}, { logger: quiet }).run(work);
}

/** What was settled, by user: `step outcome/reason`. */
export async function finalOutcomes(place: CourierPlace, sweepId: string): Promise<string[][]> {
  const words: string[][] = [];
  for (const receipt of await settledReceipts(place, sweepId)) {
    const { seq, step, outcome, reason } = receipt;
    (words[seq] ??= []).push(
      `${step.replace('courier.', '')} ${outcome ?? ''}${reason === undefined ? '' : `/${reason}`}`,
    );
  }
  return words;
}

export async function settledReceipts(place: CourierPlace, sweepId: string): Promise<Receipt[]> {
  const all = await place.ledger.sweeps.readReceipts({ sweepId, afterSeq: -1, limit: 1_000_000 });
  return all.filter(({ phase }) => phase === 'settled');
}

/** Does the same over a ledger in each database, each with a courier of its own. */
export async function atEachCourier(
  steps: readonly StepDefinition[],
  work: (given: {
    server: CourierServer;
    place: CourierPlace;
    url: string;
    another: () => Promise<CourierPlace>;
  }) => Promise<void>,
): Promise<void> {
  const ends = await Promise.allSettled(
    DATABASES.map(async ({ name, freshUrl }) => {
      const url = await freshUrl();
      const server = await CourierServer.start();
      const provider = courierAt(server.origin, steps);
      const places = [await openCourierPlace(provider, url)];
      const another = async (): Promise<CourierPlace> => {
        const place = await openCourierPlace(provider, url);
        places.push(place);
        return place;
      };
      try {
        await work({ server, place: places[0]!, url, another });
      } catch (error) {
        if (error instanceof Error) error.message = `In ${name}: ${error.message}`;
        throw error;
      } finally {
        for (const place of places) await place.close();
        await server.close();
      }
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

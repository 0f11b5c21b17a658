import { randomUUID } from 'node:crypto';
import { judgeProviderUser } from '../oracle/judge-provider';
import type { ObservedUser, StepTruth } from '../oracle/judge-provider';
import { providerCells } from '../oracle/provider-cell';
import type { ProviderCell, ProviderFault, StepFacts } from '../oracle/provider-cell';
import type { FaultName } from '../oracle/fault-natures';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { Provider } from 'temporal-http-tasks/internal/providers/definition';
import type { CredentialRule } from 'temporal-http-tasks/internal/tasks/service';
import type { CallRecord } from '../simulators/control-responses';
import type { ProviderState } from '../simulators/described/control';
import { TOKEN_PATH } from '../simulators/described/description';
import type { DescribedApi } from '../simulators/described/description';
import { startProviderSimulator } from '../simulators/described/provider-simulator';
import type { ProviderSimulator } from '../simulators/described/provider-simulator';
import { providerSettings } from '../stage/simulator-settings';
import { CALL_FAULTS } from './fault-rules';
import { groupBy } from './observe';
import { inLanes } from './lanes';
import { openStage } from './places';
import type { Place, Stage, StageOptions } from './places';
import { IdMaker, stepChoice, stepFacts, stepsNotAbout, withoutManual } from './provider-facts';
import type { UserIds } from './provider-facts';
import { endOf, recordsOf, startRun } from './run-workflow';
import type { RunEnd } from './run-workflow';

/** A provider that is tried, with what its simulator is made from. */
export interface TriedProvider {
  provider: Provider;
  api: DescribedApi;
  /** Of the simulator's random numbers. @default 1 */
  seed?: number;
}

/** A stage with the provider's simulator. */
export interface ProviderStage extends Stage {
  tried: TriedProvider;
  simulator: ProviderSimulator;
}

/** One cell with what the oracle says of it. */
export interface JudgedCell {
  cell: ProviderCell;
  problems: readonly string[];
  /** Every step is reported as done. */
  completed: boolean;
}

/** Runs at the same time: more, and those behind would find their deadlines over before they begin. */
const AT_ONCE = 40;

/** How each fault is made. */
const RULES: Record<ProviderFault, FaultName> = {
  'lost before processing': 'reset before it is read',
  'lost after processing': 'reset after it was done',
  'processed, then 500': '500 after it was done',
  '503': '503 of unknown origin',
  '429': '429 without a delay',
  truncated: 'reset in mid-body',
};

/**
 * A step that is right is done before, also on a busy machine: a filing that was lost is looked for during a minute before
 * it is filed again. One that is not right ends then.
 */
const DEADLINE = '5m';

/** Users whom no run is about. */
const BYSTANDERS = 20;

/** More calls a minute than any run makes. */
const CALLS_A_MINUTE = 6_000_000;

/** Starts a provider's simulator, and opens a stage whose workers have this provider. */
export async function openProviderStage(
  { address, bundle }: Pick<StageOptions, 'address' | 'bundle'>,
  tried: TriedProvider,
): Promise<ProviderStage> {
  const { seed = 1 } = tried;
  const simulator = await startProviderSimulator(tried.api, { unknownIds: 'absent', seed });
  const provider = atSimulator(withoutManual(tried.provider));
  const { name, ids, tasks } = provider;
  const sensitive = [
    ...Object.keys(ids).filter((id) => ids[id]?.sensitive),
    ...tasks.flatMap((task) => task.sensitive.map(({ field }) => field)),
  ];
  const stage = await openStage({
    address,
    bundle,
    settings: {
      ...providerSettings(simulator),
      ...(sensitive.length > 0 && { HTTP_TASKS_ALLOW_SENSITIVE: [...new Set(sensitive)].join(',') }),
    },
    providers: [provider],
    setRates: ({ rates }) => rates.setLimit({ service: name, keySlot: '', limitPerMinute: CALLS_A_MINUTE }),
  });
  const close = async (): Promise<void> => {
    await stage.close();
    await simulator.close();
  };
  return { ...stage, tried: { ...tried, provider }, simulator, close };
}

/**
 * Returns the provider as its simulator serves it: with access tokens from there, whatever its token endpoint is, and
 * without the provider's limits.
 */
function atSimulator(provider: Provider): Provider {
  const local = (rule: CredentialRule): CredentialRule =>
    rule.clientCredentials ? { ...rule, clientCredentials: { ...rule.clientCredentials, tokenUrl: TOKEN_PATH } } : rule;
  const service = { ...provider.service, rateLimits: [], credentials: provider.service.credentials.map(local) };
  const tasks = provider.tasks.map((task) => ({
    ...task,
    service,
    ...(task.credentials && { credentials: task.credentials.map(local) }),
  }));
  return { ...provider, service, tasks };
}

/** Returns every cell of a provider. */
export function cellsOf({ provider }: Pick<TriedProvider, 'provider'>): ProviderCell[] {
  return providerCells(stepFacts(withoutManual(provider)));
}

/**
 * Runs cells, many at a time, and judges them all by one look at the provider.
 *
 * @param onEnd Called after each run.
 */
export async function runProviderCells(
  stage: ProviderStage,
  cells: readonly ProviderCell[],
  onEnd: () => void,
  signal: AbortSignal,
): Promise<JudgedCell[]> {
  const { simulator, tried } = stage;
  simulator.seed({ generate: { count: BYSTANDERS, prefix: 'bystander-' } });
  const bystanders = new Set(simulator.state().left);
  // A key that was asked to slow down is slow for every run.
  const [common, slow] = [await stage.openPlace(), await stage.openPlace()];
  const maker = new IdMaker(tried.provider);
  const facts = stepFacts(tried.provider);
  const ended = new Map<ProviderCell, EndedCell>();
  const run = async (cell: ProviderCell): Promise<void> => {
    ended.set(cell, await runCell(cell.fault === '429' ? slow : common, cell, { stage, maker, facts }));
    onEnd();
  };
  // Code that runs for the first time may take longer than a call is given: flows without faults come first.
  const calm = cells.filter(({ fault }) => fault === 'none');
  await inLanes(calm, AT_ONCE, run, signal);
  const faulty = cells.filter(({ fault }) => fault !== 'none');
  await inLanes(
    faulty.filter(({ alone }) => !alone),
    AT_ONCE,
    run,
    signal,
  );
  await inLanes(
    faulty.filter(({ alone }) => alone),
    1,
    run,
    signal,
  );
  await Promise.all([common.stopWorker(), slow.stopWorker()]);
  const seen = new ProviderSeen(simulator, tried.api);
  const judged: JudgedCell[] = [];
  for (const cell of cells) {
    const one = ended.get(cell);
    if (!one) continue;
    const observed = await observe(one, seen, tried.provider);
    const { problems, completed } = judgeProviderUser(cell, facts, observed);
    judged.push({ cell, problems: [...problems, ...neighbourProblems(one, seen)], completed });
  }
  return [...judged, ...seen.state.touched.filter((name) => bystanders.has(name)).map(touchedBystander)];
}

function touchedBystander(name: string): JudgedCell {
  const cell: ProviderCell = { flow: 'offboardUser', step: '', call: '', fault: 'none', nth: 0, alone: false };
  return { cell, problems: [`${name}, whom no run was about, was touched`], completed: false };
}

interface Cast {
  stage: ProviderStage;
  maker: IdMaker;
  facts: readonly StepFacts[];
}

/** A user of a run. */
interface SeededUser {
  name: string;
  ids: UserIds;
}

interface EndedCell {
  place: Place;
  workflowId: string;
  end: RunEnd;
  user: SeededUser;
  /** Another user of the sweep. */
  neighbour: SeededUser | undefined;
  rule: string | undefined;
}

async function runCell(place: Place, cell: ProviderCell, { stage, maker, facts }: Cast): Promise<EndedCell> {
  const { simulator, tried } = stage;
  const { provider } = tried;
  const user = seedUser(simulator, maker.make(cell.step));
  const rule = layFaults(simulator, user.name, cell);
  const workflowId = `check-${randomUUID()}`;
  const common = {
    providers: [provider.name],
    ...stepChoice(provider),
    reason: { code: 'USER_OFFBOARDING' },
    onFailure: 'continue',
    deadline: DEADLINE,
  };
  const idsOf = ({ ids }: SeededUser): object => ({ ids: { [provider.name]: ids } });
  if (cell.flow === 'offboardUser') {
    const handle = await startRun(place, 'offboardUser', workflowId, { user: idsOf(user), ...common });
    const end = await endOf<OffboardResult>(handle);
    const shown = 'result' in end ? end.result : { problem: end.problem };
    return { place, workflowId, user, neighbour: undefined, rule, end: shown };
  }
  // One call for several users is about each of them, so that the fault would be, too.
  const hasBulk = facts.some(({ calls }) => calls.bulk !== undefined);
  const neighbour = hasBulk ? undefined : seedUser(simulator, maker.make(cell.step));
  const inline = [user, ...(neighbour ? [neighbour] : [])].map(idsOf);
  const input = { source: { inline }, granularity: 'chunk', ...common };
  const end = await endOf<SweepResult>(await startRun(place, 'offboardUsers', workflowId, input));
  const shown = 'result' in end ? { sweepStatus: end.result.status } : { problem: end.problem };
  return { place, workflowId, user, neighbour, rule, end: shown };
}

function seedUser(simulator: ProviderSimulator, ids: UserIds): SeededUser {
  simulator.seed({ users: [{ ids }] });
  return { name: [Object.values(ids)[0] ?? ''].flat()[0] ?? '', ids };
}

/** @returns The ID of the rule whose fault the cell is about. */
function layFaults(
  simulator: ProviderSimulator,
  user: string,
  { call, fault, nth, afterLost, alone }: ProviderCell,
): string | undefined {
  if (fault === 'none') return undefined;
  if (afterLost !== undefined) simulator.faults.add({ kind: 'dropAfter', endpoint: afterLost, user, nth: 1 });
  const rule = CALL_FAULTS[RULES[fault]] ?? { kind: 'dropBefore' };
  const whom = alone ? {} : { user };
  return simulator.faults.add({ ...rule, ...whom, endpoint: call, nth }).faults.at(-1)?.id;
}

async function observe(
  { place, workflowId, end, user, rule }: EndedCell,
  seen: ProviderSeen,
  provider: Provider,
): Promise<ObservedUser> {
  return {
    ...(await recordsOf(place.ledger, workflowId, end)),
    steps: seen.stepsOf(user),
    notAbout: stepsNotAbout(provider, user.ids),
    calls: seen.callsOf(user),
    repeats: seen.state.repeats.irreversible.filter((repeat) => repeat.user === user.name),
    faultMet: rule === undefined || seen.hasFired(rule),
    unplaced: seen.state.unplaced,
  };
}

function neighbourProblems({ neighbour }: EndedCell, seen: ProviderSeen): string[] {
  const left = neighbour && seen.stepsOf(neighbour).reduce((sum, step) => sum + step.left, 0);
  return left ? ['the other user of the sweep, who met no fault, was not offboarded'] : [];
}

/** The provider at one moment. */
class ProviderSeen {
  readonly state: ProviderState;
  readonly #api: DescribedApi;
  readonly #calls: Map<string, CallRecord[]>;
  readonly #fired: Set<string>;

  constructor(simulator: ProviderSimulator, api: DescribedApi) {
    this.state = simulator.state();
    this.#api = api;
    this.#calls = groupBy(simulator.calls().calls, ({ user }) => user);
    const rules = simulator.faults.list().faults;
    this.#fired = new Set(rules.filter(({ fired }) => fired > 0).map(({ id }) => id));
  }

  hasFired(rule: string): boolean {
    return this.#fired.has(rule);
  }

  callsOf({ name }: SeededUser): readonly CallRecord[] {
    return this.#calls.get(name) ?? [];
  }

  stepsOf({ name, ids }: SeededUser): StepTruth[] {
    return this.#api.steps.map((step) => {
      const own = this.state.steps.filter((one) => one.user === name && one.step === step.step);
      const filed = this.state.requests.filter((request) => request.step === step.step && request.user === name).length;
      if (step.kind !== 'list') {
        const gone = own.filter((one) => one.gone).length;
        return { step: step.step, filed, gone, left: own.length - gone, beyond: 0 };
      }
      const asked = step.only === undefined ? undefined : [ids[step.only] ?? []].flat();
      const isAsked = (item: string): boolean => asked?.includes(item) ?? true;
      const [left, removed] = [
        own.flatMap(({ items }) => items?.left ?? []),
        own.flatMap(({ items }) => items?.removed ?? []),
      ];
      const beyond = removed.filter((item) => !isAsked(item)).length;
      return { step: step.step, filed, gone: removed.length, left: left.filter(isAsked).length, beyond };
    });
  }
}

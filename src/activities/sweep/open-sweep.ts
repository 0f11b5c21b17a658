import { SweepConflictError } from '../../ledger/sweeps/sweep-errors';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { NewSweep, SweepRow, SweepTerms } from '../../ledger/sweeps/sweep-types';
import type { CallingRun } from '../callers';
import { refuseForbiddenPlan, refuseViolation } from '../governed';
import type { Governing } from '../governed';
import { refusal, refuseUnsendable, requireService } from '../refusals';
import { sourceProblem } from '../../operator-policy/rules';
import { requestFacts } from '../../policy/legal-clock';
import type { DueCalendar } from '../../policy/legal-clock';
import type { PlannedStep, StepPlan } from '../../policy/providers/step-plan';
import { batchProvider } from '../../providers/batch/provider';
import { RATED_PROVIDER } from '../../providers/built-in';
import { ProviderError } from '../../providers/problems';
import type { StepChoices } from '../../providers/provider-set';
import type { ChunkPlan, OpenedSweep, OpenSweep } from './contract';
import { choicesOf, hasCalls, isConfigured, wouldCall } from './missing-providers';
import { setOwnRate } from './record-update';
import type { SweepDependencies } from './sweep-dependencies';
import { withSweep } from './sweep-work';

/** See `SweepActivities`. Reads no source and calls no provider yet. */
export async function openSweep(
  dependencies: SweepDependencies,
  input: OpenSweep,
  run: CallingRun,
): Promise<OpenedSweep> {
  const { services, catalogue, sender, ledger, searchAttributes, policy } = dependencies;
  const steps = input.terms && planStepsOf(input.terms.plan, dependencies);
  if (policy) refuseForbidden(dependencies, input, steps);
  const { name } = batchProvider();
  if (input.usesBatch && !steps) requireService(services, name, `${name}.mode`);
  if (input.compensation) refuseUnsendable(catalogue, sender, input.compensation);
  const { snapshot, rate } = input;
  if (rate !== undefined) refuseNeedlessRate(dependencies, steps);
  const terms = termsOf(input, steps, policy, dependencies);
  const sweepId = await withSweep(async () => {
    const opened =
      snapshot === undefined
        ? await makeSweep(ledger.sweeps, input, terms, run)
        : await claimSnapshot(ledger.sweeps, { snapshot, ...terms }, run.firstRunId);
    await recordRequest(dependencies, input, { sweepId: opened, facts: terms.terms?.about });
    if (rate !== undefined) await setRate(dependencies, opened, rate);
    return opened;
  });
  return {
    sweepId,
    ...(steps && titlesOf(steps, dependencies)),
    ...(searchAttributes().length > 0 && { searchAttributes: [...searchAttributes()] }),
    ...(rate !== undefined && { isRated: true }),
  };
}

/** @throws ApplicationFailure `Task.NotAllowed` */
function refuseForbidden(
  { policy, services }: SweepDependencies,
  { terms, compensation, snapshot, redriveOf }: OpenSweep,
  steps: StepPlan | undefined,
): void {
  if (!policy || !terms || !steps) return;
  const { reason, dryRun } = terms.plan;
  refuseForbiddenPlan(policy, { reason: reason.code, steps, services, dryRun, compensation: compensation?.task });
  const source = snapshot !== undefined ? 'snapshot' : redriveOf !== undefined ? 'redrive' : undefined;
  if (source !== undefined) refuseViolation(sourceProblem(policy.rules, source));
}

/** Refuses a rate that would limit nothing. @throws ApplicationFailure `Task.InvalidInput` */
function refuseNeedlessRate({ services, providers }: SweepDependencies, plan: StepPlan | undefined): void {
  const hasAccount = providers.accounts
    .of(RATED_PROVIDER)
    .some((account) => services.has(`${RATED_PROVIDER}/${account}`));
  if (!hasAccount) requireService(services, RATED_PROVIDER, 'rate');
  if (plan === undefined || plan.steps.some((step) => step.provider === RATED_PROVIDER && hasCalls(step))) return;
  throw refusal(
    'rate',
    `limits calls to ${RATED_PROVIDER}, and this sweep makes none; leave it out, or limit another service with http-tasks rate set`,
  );
}

/** Sets the rate before any call can be made; for each account, since its keys have limits of their own. */
async function setRate(
  { ledger, providers }: Pick<SweepDependencies, 'ledger' | 'providers'>,
  sweepId: string,
  rate: number,
): Promise<void> {
  const sweep = await ledger.sweeps.read(sweepId);
  if (!sweep) return;
  const accounts = providers.accounts.of(RATED_PROVIDER).map((account) => `${RATED_PROVIDER}/${account}`);
  for (const service of [RATED_PROVIDER, ...accounts])
    await setOwnRate(ledger, sweep, { service, keySlot: '', callsPerMinute: rate });
}

/** Claims a snapshot that was taken elsewhere for this run: its users are processed once. */
async function claimSnapshot(
  sweeps: SweepLedger,
  { snapshot, terms }: { snapshot: string; terms?: SweepTerms },
  by: string,
): Promise<string> {
  const found = await sweeps.read(snapshot);
  if (found === undefined) {
    throw refusal(
      'snapshot',
      'this ledger has no sweep with this ID; check the ID, and that the worker uses the ledger into which the users were read (HTTP_TASKS_LEDGER_URL)',
    );
  }
  refuseUnusable(found);
  const { claimedBy } = await sweeps.claim({ sweepId: snapshot, by, ...(terms && { terms }) });
  if (claimedBy === by) return snapshot;
  throw refusal(
    'snapshot',
    'belongs to another run, which processes its users; read the source again for another sweep',
  );
}

function refuseUnusable({ endedAt, status, readable, snapshotComplete }: SweepRow): void {
  if (endedAt !== undefined) {
    throw refusal(
      'snapshot',
      `this sweep has ended (${status}); retry its failed and unknown users with redriveOf, or read the source again`,
    );
  }
  if (!readable)
    throw refusal('snapshot', 'the IDs of this sweep were released and can no longer be read; read the source again');
  if (!snapshotComplete) {
    throw refusal(
      'snapshot',
      'was not read completely, so users would be left out; repeat the command that was interrupted',
    );
  }
}

/** Creates a sweep with the workflow's name, or with a name that no other run can have used. */
async function makeSweep(
  sweeps: SweepLedger,
  input: OpenSweep,
  terms: { terms?: SweepTerms },
  run: CallingRun,
): Promise<string> {
  const { redriveOf, skipDone } = input;
  const { workflowId, firstRunId, runId } = run;
  if (redriveOf !== undefined) await refuseUndrivable(sweeps, redriveOf);
  const names = [workflowId, `${workflowId}.${firstRunId.slice(0, 8)}`, `${workflowId}.${runId}`];
  for (const sweepId of names) {
    const made = await createUnlessTaken(sweeps, {
      sweepId,
      skipDone,
      claimedBy: firstRunId,
      ...terms,
      ...(redriveOf !== undefined && { redriveOf }),
    });
    // A sweep of this very run that has ended is left unchanged: a retried or reset workflow has the same first run.
    if (made?.claimedBy === firstRunId && made.endedAt === undefined) return sweepId;
  }
  throw refusal('sweepId', `other runs have used all of ${names.join(', ')}; start it under another workflow ID`);
}

/**
 * Returns the steps of all users of the sweep. They are decided now and stay, even if the worker's providers change.
 */
function planStepsOf(plan: ChunkPlan, dependencies: SweepDependencies): StepPlan {
  const { services, providers } = dependencies;
  const choices = choicesOf(plan);
  const [problem] = providers.problemsOfChoice(choices);
  if (problem) throw refusal(problem.field, problem.message);
  try {
    const without = providers
      .chosen(choices)
      .filter((provider) => !isConfigured(provider, dependencies) && wouldCall(provider, choices, dependencies));
    for (const { name } of without) refuseIfWanted(name, choices);
    // Users with an ID at one of them are refused when they are read.
    const left = providers.chosen(choices).filter((provider) => !without.includes(provider));
    if (left.length === 0) throw refusal('providers', 'this worker has keys for no provider; set those of one');
    const meant = without.length > 0 ? left.map(({ name }) => name) : choices.providers;
    return providers.planFor({ ...choices, providers: meant }, services);
  } catch (error) {
    // A definition that is invalid for these keys, or a plan that is too large: a retry does not change that.
    if (error instanceof ProviderError || error instanceof RangeError) throw refusal('providers', error.message);
    throw error;
  }
}

/** @throws ApplicationFailure `Task.InvalidInput` for a provider without keys that the input asks for by name. */
function refuseIfWanted(name: string, { providers, options = {} }: StepChoices): void {
  const own = options[name];
  const hasOptions = typeof own === 'object' && own !== null && Object.keys(own).length > 0;
  if (!hasOptions && !providers?.includes(name)) return;
  const field = hasOptions ? `${name}.${Object.keys(own)[0] ?? ''}` : 'providers';
  throw refusal(
    field,
    `needs ${name}, for which this worker has no keys; set them, or name the intended providers in providers (--only)`,
  );
}

/** Returns the titles of the steps and providers. */
function titlesOf({ steps }: StepPlan, { providers }: SweepDependencies): Pick<OpenedSweep, 'personSteps' | 'titles'> {
  const isBulk = (step: PlannedStep): boolean => step.kind === 'once' && step.bulk !== undefined;
  const titles = (some: readonly PlannedStep[]): string[] => [
    ...new Set(some.map(({ provider }) => providers.find(provider)?.title ?? provider)),
  ];
  const personSteps = Object.fromEntries(
    steps.flatMap((step) => (step.kind === 'manual' && step.title !== '' ? [[step.step, step.title]] : [])),
  );
  const called = steps.filter(hasCalls);
  return {
    ...(Object.keys(personSteps).length > 0 && { personSteps }),
    titles: { bulk: titles(called.filter(isBulk)), others: titles(called.filter((step) => !isBulk(step))) },
  };
}

/** The request of the sweep as a whole; those of its users are recorded with their rows. */
async function recordRequest(
  { ledger: { requests } }: SweepDependencies,
  { terms, redriveOf }: OpenSweep,
  { sweepId, facts = {} }: { sweepId: string; facts: SweepTerms['about'] },
): Promise<void> {
  if (!terms || terms.plan.dryRun) return;
  const reason = terms.plan.reason.code;
  await requests.record({
    workflowId: sweepId,
    firstRun: '',
    facts,
    subjects: [],
    environments: {},
    reason,
    redriveOf,
  });
}

function termsOf(
  { terms, rate, request }: OpenSweep,
  steps: StepPlan | undefined,
  policy: Governing,
  calendar: DueCalendar,
): { terms?: SweepTerms } {
  if (!terms) return {};
  const { plan, needsApproval, maxUsers } = terms;
  const dryRunRate = plan.dryRun && rate !== undefined ? { dryRunRate: rate } : {};
  const stepsPlan = steps && { stepsPlan: JSON.stringify(steps) };
  return {
    terms: {
      plan: JSON.stringify({ ...plan, ...dryRunRate }),
      ...stepsPlan,
      needsApproval,
      maxUsers,
      policyDigest: policy?.digest,
      ...(request && { about: requestFacts(request, calendar) }),
    },
  };
}

async function createUnlessTaken(sweeps: SweepLedger, sweep: NewSweep): Promise<SweepRow | undefined> {
  try {
    return await sweeps.create(sweep);
  } catch (error) {
    // It redrives another sweep than this one would, so it is another run's.
    if (error instanceof SweepConflictError) return undefined;
    throw error;
  }
}

async function refuseUndrivable(sweeps: SweepLedger, redriveOf: string): Promise<void> {
  const first = await sweeps.read(redriveOf);
  if (first === undefined) {
    throw refusal(
      'redriveOf',
      'this ledger has no sweep with this ID; check the ID, and that the worker uses the ledger of that sweep (HTTP_TASKS_LEDGER_URL)',
    );
  }
  if (first.endedAt === undefined && first.readable)
    throw refusal('redriveOf', `this sweep has not ended (${first.status}); wait for its end, or cancel it`);
  if (first.merkleRoot === undefined) {
    throw refusal(
      'redriveOf',
      'this sweep was given up before every user had an outcome; offboard the users of its source again, with skipDone',
    );
  }
  if ((await sweeps.countFailed(redriveOf)) === 0)
    throw refusal('redriveOf', 'this sweep has no failed or unknown users, so there is nothing to redrive');
  if (!first.readable) {
    throw refusal(
      'redriveOf',
      'the IDs of this sweep were released and can no longer be read; offboard its failed users from their source with a new sweep',
    );
  }
}

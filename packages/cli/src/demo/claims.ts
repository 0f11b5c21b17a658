import type { OffboardResult, StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { CastMember } from './cast';
import { truthAbout } from './provider-truth';
import type { ProviderState, ProviderTruth } from './provider-truth';

const ITEMS = 'plaid.items';
const BATCH = 'batch.';

/** Where the result of a user's run says something else than the providers' state. */
export function disagreements(member: CastMember, result: OffboardResult | undefined, state: ProviderState): string[] {
  if (!result) return ['the run gave no result'];
  const truth = truthAbout(member, state);
  const said = result.steps;
  const apps = Object.entries(truth.batch).filter(([, { accepted }]) => accepted);
  return [
    ...disagreementsOverItems(
      said.filter(({ step }) => step === ITEMS),
      truth,
    ),
    ...said.filter(({ step }) => step !== ITEMS).flatMap((step) => disagreementOver(step, truth) ?? []),
    ...unsaid('plaid.products', truth.productsTerminated, said),
    ...unsaid('plaid.user', truth.plaidUserRemoved, said),
    ...apps.flatMap(([app]) => unsaid(`${BATCH}${app}`, true, said)),
  ];
}

/** The removal of a user takes the Items along; the step before it has removed them by then. */
function disagreementsOverItems(steps: readonly StepResult[], { itemsRemoved }: ProviderTruth): string[] {
  // "Unknown" says that it may be either way, so nothing contradicts it.
  if (steps.some(({ outcome }) => outcome === 'unknown')) return [];
  const said = steps.filter(({ outcome }) => isGood(outcome)).reduce((sum, { items = 0 }) => sum + items, 0);
  return said === itemsRemoved.length
    ? []
    : [`the run says ${said} Items were removed, Plaid says ${itemsRemoved.length}`];
}

function disagreementOver({ step, outcome }: StepResult, truth: ProviderTruth): string | undefined {
  const happened = happenedAt(step, truth);
  if (outcome === 'unknown' || happened === undefined || happened === isGood(outcome)) return undefined;
  return `the run says ${step}: ${outcome}, the provider says it ${happened ? 'was' : 'was not'} done`;
}

function happenedAt(step: string, truth: ProviderTruth): boolean | undefined {
  if (step === 'plaid.products') return truth.productsTerminated;
  if (step === 'plaid.user') return truth.plaidUserRemoved;
  return step.startsWith(BATCH) ? truth.batch[step.slice(BATCH.length)]?.accepted : undefined;
}

function unsaid(step: string, happened: boolean, said: readonly StepResult[]): string[] {
  return happened && !said.some((one) => one.step === step)
    ? [`${step} was done, and the run does not mention it`]
    : [];
}

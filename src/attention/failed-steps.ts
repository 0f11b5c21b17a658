import { classifyResponse } from '../http/classify';
import type { Receipt } from '../ledger/ledger';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import type { RowLabel } from '../ledger/sweeps/sweep-types';
import { compensationLog } from '../policy/compensation-log';
import type { Outcome } from '../policy/outcome';
import { CATALOGUE, remedyInCatalogue } from '../providers/catalogue';
import { accountOf } from '../tasks/accounts';
import type { TaskFailure } from '../tasks/failure';

/** A step of a user that needs attention. */
export interface FailedStep {
  /** The number of the user in the sweep, from 1, as in the report and in the Temporal UI. */
  user: number;
  /** The user's own `reference`. */
  reference?: string;
  /** The line of the source. */
  line?: number;
  step: string;
  /** The account at the step's provider; absent for its default account. */
  account?: string;
  outcome: string;
  /** The provider's code, or else the type of the failure. */
  code?: string;
  requestId?: string;
  /** What a person can do. */
  whatToDo: string;
}

/** Outcomes that leave data of a user at a provider, or may. */
const NEEDS_ATTENTION = ['failed', 'unknown', 'notFound'] as const satisfies readonly Outcome[];

/** Whether an outcome leaves data of a user at a provider, or may. */
export function needsAttention(outcome: string | undefined): outcome is (typeof NEEDS_ATTENTION)[number] {
  return NEEDS_ATTENTION.some((one) => one === outcome);
}

/** Number of users read from the ledger at a time. */
const PAGE = 200;

/** Reads the steps that need attention, user by user, with what a person can do about each. */
export async function* readFailedSteps(sweeps: SweepLedger, sweepId: string): AsyncGenerator<FailedStep> {
  for (let afterSeq = -1; ;) {
    const page = { sweepId, outcomes: NEEDS_ATTENTION, limit: PAGE, afterSeq };
    const { receipts } = await sweeps.readUsersWithOutcome(page);
    if (receipts.length === 0) return;
    const seqs = [...new Set(receipts.map(({ seq }) => seq))];
    const labels = await sweeps.readLabels({ sweepId, seqs });
    for (const receipt of receipts) {
      const step = failedStep(receipt, labels.get(receipt.seq));
      if (step) yield step;
      afterSeq = receipt.seq;
    }
  }
}

function failedStep(receipt: Receipt, label: RowLabel = {}): FailedStep | undefined {
  const { seq, step, outcome, code, failureType, requestId } = receipt;
  if (!needsAttention(outcome)) return undefined;
  const cause = code ?? failureType;
  const account = accountOf(receipt.service);
  return {
    user: seq + 1,
    ...label,
    step,
    ...(account !== undefined && { account }),
    outcome,
    ...(cause !== undefined && { code: cause }),
    ...(requestId !== undefined && { requestId }),
    whatToDo: remedyFor(receipt, outcome),
  };
}

/** What a person can do about a step that did not go well, in the words of the compensation log of a single run. */
export function remedyFor(receipt: Receipt, outcome: Outcome): string {
  const { step, task, reason, requestId, token } = receipt;
  const failure = failureOf(receipt);
  const [line] = compensationLog([{ step, task, outcome, reason, requestId, token, failure }], remedyInCatalogue);
  return line?.remedy ?? '';
}

/** The ledger keeps a failure's type and code; the advice that belongs to them is in the service's own table. */
function failureOf({ failureType, service, task, status, code, requestId }: Receipt): TaskFailure | undefined {
  if (failureType === undefined) return undefined;
  const known = CATALOGUE.find(({ name }) => name === task);
  const advice =
    known && status !== undefined
      ? classifyResponse({ status, code }, known.effect, known.service.errors).advice
      : undefined;
  return { type: failureType, service, task, status, code, requestId, message: advice ?? '' };
}

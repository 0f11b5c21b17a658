import { setTimeout as delay } from 'node:timers/promises';
import type {
  BatchState,
  FaultList,
  PlaidState,
} from '@temporal-http-tasks/testing/internal/simulators/control-responses';
import type { ProviderState } from './verdict';

/** How long the demo waits for accepted deletions at Batch, in milliseconds; what is still pending then counts as left. */
const PENDING_MS = 5_000;
const PAUSE_MS = 100;

/** Reads the state of both simulators over their control API, when nothing is pending any more. */
export async function readProviderState(urls: { plaid: string; batch: string }): Promise<ProviderState> {
  const deadline = Date.now() + PENDING_MS;
  for (;;) {
    const batch = await readControl<BatchState>(urls.batch, 'state');
    const pending = Object.values(batch.apps).some((app) => app.pending.length > 0);
    if (!pending || Date.now() > deadline) return { batch, plaid: await readControl<PlaidState>(urls.plaid, 'state') };
    await delay(PAUSE_MS);
  }
}

/** The planned and the actual number of faults of one kind at one call. */
export interface FaultSummary {
  provider: string;
  endpoint: string;
  kind: string;
  planned: number;
  fired: number;
}

/** Reads from both simulators which faults fired. */
export async function readFaults(urls: Readonly<Record<string, string>>): Promise<FaultSummary[]> {
  const summaries = new Map<string, FaultSummary>();
  for (const [provider, url] of Object.entries(urls)) {
    const { faults } = await readControl<FaultList>(url, 'faults');
    for (const { rule, fired } of faults) {
      const key = `${provider} ${rule.endpoint} ${rule.kind}`;
      const summary = summaries.get(key) ?? {
        provider,
        endpoint: rule.endpoint,
        kind: rule.kind,
        planned: 0,
        fired: 0,
      };
      summary.planned += 1;
      summary.fired += fired;
      summaries.set(key, summary);
    }
  }
  return [...summaries.values()];
}

export async function readControl<T>(url: string, what: string): Promise<T> {
  const response = await fetch(`${url}/__sim/${what}`);
  if (!response.ok)
    throw new Error(`The simulator at ${url} responded with ${response.status} to the request for its ${what}.`);
  return (await response.json()) as T;
}

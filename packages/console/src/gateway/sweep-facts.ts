import type { Client } from '@temporalio/client';
import { readStartInput, UnreadablePayloadError } from 'temporal-http-tasks/internal/starts/payloads';
import type { SweepFacts } from './wire';

/** Options of a sweep's input that are shown by themselves, or that only concern how it runs. */
const SHOWN_ELSEWHERE = ['source', 'snapshot', 'redriveOf', 'reason', 'requestedBy', 'approval'];

/**
 * Returns what a sweep was started with, for the person who approves it: its source, reason and options; no IDs of users.
 * Undefined if this client cannot decrypt the input.
 *
 * @param recorded The name of the source in the ledger, if the ledger is known and has it.
 */
export async function readSweepFacts(
  client: Client,
  run: { workflowId: string; runId: string },
  recorded: string | undefined,
): Promise<SweepFacts | undefined> {
  let input: unknown;
  try {
    input = await readStartInput(client, run);
  } catch (error) {
    if (error instanceof UnreadablePayloadError) return undefined;
    throw error;
  }
  if (!isObject(input)) return undefined;
  const { reason, requestedBy } = input;
  const options = Object.entries(input).filter(([name]) => !SHOWN_ELSEWHERE.includes(name));
  return {
    // Of a list the input says more.
    source: recorded === undefined || recorded === 'inline' ? sourceText(input) : recorded,
    ...(isObject(reason) && typeof reason['code'] === 'string' && { reason: reason['code'] }),
    ...(input['dryRun'] === true && { dryRun: true }),
    ...(typeof requestedBy === 'string' && { requestedBy }),
    ...(options.length > 0 && { options: JSON.stringify(Object.fromEntries(options)) }),
  };
}

function sourceText({ source, snapshot, redriveOf }: Record<string, unknown>): string {
  if (typeof redriveOf === 'string') return `failed and unknown users of ${redriveOf}`;
  if (snapshot !== undefined) return 'a file that was read before the start';
  if (!isObject(source)) return 'unknown';
  const [[kind, value] = ['unknown', undefined]] = Object.entries(source);
  if (Array.isArray(value)) return `a list of ${value.length} ${value.length === 1 ? 'user' : 'users'} in the input`;
  if (typeof value === 'string') return `${kind} ${value}`;
  const name = isObject(value)
    ? [value['name'], value['file'], value['url']].find((one) => typeof one === 'string')
    : '';
  return [kind, name].filter(Boolean).join(' ');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

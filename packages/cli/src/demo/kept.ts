import type { PreparedStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import type { Io } from '../io';
import type { LocalStack } from '../local-stack';
import { say } from '../output';
import { quoted } from 'temporal-http-tasks/internal/policy/quoted';
import { startLines } from '../start-links';

/** Stands below the settings for another terminal: a key of the person's own is not printed. */
export const KEY_AS_HERE = '# and HTTP_TASKS_ENCRYPTION_KEY as it is set in this one: payloads are encrypted under it';

/** Says where to look while everything is still up, and what to click. On stderr: it is no part of the result. */
export function sayKept(
  io: Io,
  { uiUrl, encrypted, settings, simulators, workerLog }: LocalStack,
  starts: PreparedStarts,
): void {
  const lines = [
    '',
    `Everything is still up. The Temporal UI: ${uiUrl ?? ''}`,
    '  Workflows → any offboardUser: its history, the call that each step made, its result.',
    '  In one of them: User Metadata tells how it went; Queries answers progress and compensations.',
    '  To start something there, open one of these, give it an id and press Start; as they stand they change nothing:',
    ...startLines(starts).map((line) => `    ${line}`),
    `  What the providers hold: ${simulators.plaid.url}/__sim/state and ${simulators.batch.url}/__sim/state`,
    `  The worker's log: ${workerLog}`,
    '  To use the command line beside it, paste into another terminal:',
    ...[...exportLines(settings), ...(encrypted ? [KEY_AS_HERE] : [])].map((line) => `    ${line}`),
    'Ctrl-C stops worker, simulators and server.',
  ];
  for (const line of lines) say(io, line);
}

/** Shell lines that give another terminal these settings. */
export function exportLines(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([name, value]) => `export ${name}=${quoted(value)}`);
}

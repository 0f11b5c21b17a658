import type { Client } from '@temporalio/client';
import { mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { CommandFailure, Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { placeText, readWorkerPlace } from '../temporal/worker-place';
import type { WorkerPlace } from '../temporal/worker-place';
import { isTerminal, types } from './confirm';
import { paint, printable, say, sayLines } from './output';

/** Options of every command that asks before it deletes. */
export interface AskingOptions {
  yes?: boolean;
}

/** A line of what is shown. */
export type Fact = readonly [label: string, text: string];

/** What a person is shown, and has to type, before anything is deleted. */
export interface DeletionQuestion {
  /** What happens and that it cannot be undone, as a sentence. */
  title: string;
  facts: readonly Fact[];
  /** What has to be typed, for example the number of users and `5003`. */
  name: string;
  typed: string;
}

/**
 * Decides whether a command that deletes has to ask. It does in a terminal. Without one it starts immediately, unless
 * its workers delete in production or it is not known where.
 *
 * @returns Where the workers delete, when the person is to be asked; undefined when the command may start.
 * @throws Refusal without a terminal, when `--yes` is needed and absent.
 */
export async function placeToAskAbout(
  io: Io,
  { client, taskQueue }: { client: Client; taskQueue: string },
  { yes = false, dryRun = false }: AskingOptions & { dryRun?: boolean | undefined },
): Promise<WorkerPlace | undefined> {
  if (yes || dryRun) return undefined;
  const place = await readWorkerPlace(io, client, taskQueue);
  if (isTerminal(io)) return place;
  if (!place.production) return undefined;
  const { unknownBecause } = place;
  const where =
    unknownBecause === undefined
      ? `The workers of the task queue "${taskQueue}" delete in ${placeText(place)}.`
      : `Whether the task queue "${taskQueue}" is production is not known: ${unknownBecause}`;
  throw new Refusal(
    'Usage',
    printable(`${where} Give --yes to start without being asked, or run it in a terminal. Nothing was started.`),
    'yes',
  );
}

/** Shows what would be deleted and asks for the text that confirms it. */
export async function confirmDeletion(
  io: Io,
  place: WorkerPlace,
  { title, facts, name, typed }: DeletionQuestion,
): Promise<boolean> {
  const environment = paint(io, place.production ? ['bold', 'red'] : 'bold', printable(placeText(place)), 'stderr');
  const all: Fact[] = [...facts, ['Task queue', `${place.taskQueue}, namespace ${place.namespace}`]];
  sayLines(io, `\n${paint(io, 'bold', printable(title), 'stderr')}\n`);
  say(io, `  ${'Environment'.padEnd(LABEL)}${environment}`);
  if (place.unknownBecause !== undefined) sayFact(io, 'Unknown', place.unknownBecause);
  for (const [label, text] of all) sayFact(io, label, text);
  return types(io, `\nType ${printable(name)}, ${printable(typed)}, to continue: `, typed);
}

const LABEL = 13;

function sayFact(io: Io, label: string, text: string): void {
  const [first = '', ...more] = wrapped(
    printable(text.replaceAll('\n', ' ')),
    Math.max((io.stderr.columns || 80) - LABEL - 3, 30),
  );
  say(io, `  ${label.padEnd(LABEL)}${first}`);
  for (const line of more) say(io, `  ${' '.repeat(LABEL)}${line}`);
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** What is reported when the expected text was not typed. */
export function notConfirmed(consequence: string): CommandFailure {
  return new CommandFailure('Interrupted', `Not confirmed. ${consequence}`);
}

/** What a run removes at each provider. */
export function removals(place: WorkerPlace, plan: Pick<OffboardUserInput, 'plaid' | 'batch' | 'itemIds'>): Fact[] {
  const { plaid, batch, itemIds } = plan;
  const slots = [
    ...new Set(
      place.environments
        .filter(({ service }) => mainServiceOf(service) === 'batch')
        .flatMap(({ keySlots }) => keySlots),
    ),
  ];
  const apps = slots.length > 0 ? slots.join(', ') : 'every configured app';
  const items = itemIds
    ? `removes ${itemIds.length} named ${itemIds.length === 1 ? 'Item' : 'Items'}`
    : 'removes all Items and ends their products';
  const user = plaid?.removeUser ? ', then removes the user' : '; the user itself stays';
  const mode = batch?.mode ?? 'customData';
  const atBatch = {
    customData: `deletes the custom data in ${apps}`,
    gdpr: `requests GDPR deletion in ${apps}`,
    both: `deletes the custom data and requests GDPR deletion in ${apps}`,
    skip: undefined,
  }[mode];
  return [['Plaid', `${items}${user}`], ...(atBatch === undefined ? [] : [['Batch', atBatch] as const])];
}

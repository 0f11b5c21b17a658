import type { Client } from '@temporalio/client';
import { mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { ProviderTitles } from 'temporal-http-tasks/internal/policy/sweep-result';
import { NAMED_FIELDS } from 'temporal-http-tasks/internal/policy/user-ids';
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

const WORKERS_STEPS = 'runs the steps that the worker defines';

const GIVE_YES = 'Give --yes to start without being asked, or run it in a terminal. Nothing was started.';

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
  throw new Refusal('Usage', printable(`${where} ${io.howToConfirm ?? GIVE_YES}`), 'yes');
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

/** A sweep, or the sweeps of a schedule, with where their workers delete. */
export interface AskedRemoval {
  input: Pick<OffboardUsersInput, 'plaid' | 'batch' | 'providers' | 'include' | 'exclude'>;
  place: WorkerPlace;
  /** The providers that the command knows. @default those that come with the package */
  known?: ProviderSet;
}

/**
 * Returns what is removed at each provider of a sweep.
 *
 * @param titles Those that the worker has named, once it has read the users.
 */
export function removalFacts({ input, place, known }: AskedRemoval, titles?: ProviderTitles): Fact[] {
  const isChosen = (name: string): boolean => input.providers?.includes(name) ?? true;
  const services = new Set(place.environments.map(({ service }) => mainServiceOf(service)));
  const basic = removals(place, input)
    .filter(({ provider }) => isChosen(provider) && (services.size === 0 || services.has(provider)))
    .map(({ fact }) => fact);
  const own = (known?.all ?? [])
    .filter(
      ({ name }) => services.has(name) && isChosen(name) && !NAMED_FIELDS.some(({ provider }) => provider === name),
    )
    .map(({ name, title }): Fact => [title, known ? stepsText(known, name, input) : '']);
  const shown = new Set([...basic, ...own].map(([title]) => title));
  const others = [...(titles?.others ?? []), ...(titles?.bulk ?? [])].filter((title) => !shown.has(title));
  return [...basic, ...own, ...[...new Set(others)].map((title): Fact => [title, WORKERS_STEPS])];
}

/** What a run removes at one provider. */
export interface Removal {
  provider: string;
  fact: Fact;
}

/** Returns the steps of a provider that a run makes, in words. */
export function stepsText(
  known: ProviderSet,
  name: string,
  { include = [], exclude = [] }: Pick<OffboardUserInput, 'include' | 'exclude'>,
): string {
  const steps = known.find(name)?.steps({ keys: ['default'], options: {} }) ?? [];
  const run = steps.filter((step) => !step.optional || include.includes(`${name}.${step.step}`));
  const shown = run.map(({ step }) => step).filter((step) => !exclude.includes(`${name}.${step}`));
  return shown.length === 0 ? WORKERS_STEPS : `runs the ${shown.length === 1 ? 'step' : 'steps'} ${shown.join(', ')}`;
}

/** Returns what a run removes at the providers that come with the package. */
export function removals(
  place: WorkerPlace,
  plan: Pick<OffboardUserInput, 'plaid' | 'batch'> & { itemIds?: readonly string[] | undefined },
): Removal[] {
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
  return [
    { provider: 'plaid', fact: ['Plaid', `${items}${user}`] },
    ...(atBatch === undefined ? [] : [{ provider: 'batch', fact: ['Batch', atBatch] as const }]),
  ];
}

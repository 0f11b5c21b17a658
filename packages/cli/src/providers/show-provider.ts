import { didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import type { ProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { EFFECT_HEADS, effectCells } from '../tasks/effect-words';
import { paint, print, printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { describeProvider } from './describe-provider';
import { readProviders } from '../users/provider-ids';
import { findProviders } from './find-providers';
import type { ProvidersOptions } from '../users/options';

/** A path rather than a name: it has a separator, or ends as a file does. */
const PATH = /[/\\]|\.(?:ya?ml|json)$/;

/** Prints one provider, by its name among those that are listed or by its file. */
export async function showProvider(io: Io, name: string, { json, providers }: ProvidersOptions): Promise<ExitCode> {
  const found = PATH.test(name) ? await readProviderFile(name) : await namedProvider(io, name, providers);
  const { accounts } = await readProviders(io, PATH.test(name) ? name : providers);
  const description = describeProvider(io.env, found, accounts);
  if (json) printJson(io, description);
  else printProvider(io, description);
  return 0;
}

async function namedProvider(io: Io, name: string, option: string | undefined): Promise<ProviderFile> {
  const found = await findProviders(io, option);
  const named = found.find(({ provider }) => provider.name === name);
  if (named) return named;
  if (CATALOGUE_SERVICES.some((service) => service.name === name))
    throw new Refusal(
      'Usage',
      `${name} is built in and has no provider file; see http-tasks list ${name}.`,
      'provider',
    );
  const names = found.map(({ provider }) => provider.name);
  const hint = `${didYouMean(name, names)}`;
  const listed =
    names.length === 0
      ? 'none is listed here. Name files with --providers or HTTP_TASKS_PROVIDERS, or give the path of one.'
      : `allowed: ${names.join(', ')}${hint === '' ? '.' : hint}`;
  throw new Refusal('Usage', `No provider file has the name ${name}; ${listed}`, 'provider');
}

type Description = ReturnType<typeof describeProvider>;

function printProvider(io: Io, { provider, title, docs, file, environment, production, ...more }: Description): void {
  print(io, `${paint(io, 'bold', title)} (${provider}), from ${file}`);
  if (docs !== undefined) print(io, docs);
  print(io, `Environment: ${environment ?? 'none'}${production ? ' (production)' : ''}`);
  const { ids, steps, tasks, settings, skipped } = more;
  printTable(
    io,
    ['Setting', '', ''],
    settings.map(({ setting, required, state }) => [setting, required ? 'required' : '', state]),
  );
  for (const { account, environment: own, production: isReal, settings: ofAccount } of more.accounts) {
    print(io, `Account ${account}: ${own ?? 'none'}${isReal ? ' (production)' : ''}`);
    printTable(
      io,
      ['Setting', '', ''],
      ofAccount.map(({ setting, required, state }) => [setting, required ? 'required' : '', state]),
    );
  }
  printTable(
    io,
    ['ID', 'Column', 'About', ''],
    ids.map(({ id, column, about, list, type, sensitive, instead }) => [
      id,
      column,
      about,
      [
        ...(list ? ['list'] : []),
        ...(type === 'integer' ? ['whole number'] : []),
        ...(sensitive ? ['sensitive'] : []),
        ...(instead === undefined ? [] : [`instead of ${instead}`]),
      ].join(', '),
    ]),
  );
  printTable(
    io,
    ['Step', 'Kind', 'Calls', 'Needs', 'After'],
    steps.map(({ step, kind, optional, calls, needs, after }) => [
      `${step}${optional ? ' (optional)' : ''}`,
      kind,
      [...new Set(calls)].join(', '),
      needs.map((group) => group.join(' or ')).join(', '),
      after.join(', '),
    ]),
  );
  printTable(
    io,
    ['Task', '', ...EFFECT_HEADS, 'Summary'],
    tasks.map((task) => [task.task, `${task.method} ${task.path}`, ...effectCells(task), task.summary]),
  );
  for (const { operation, why } of skipped) say(io, `${operation} cannot be called: ${why}`);
}

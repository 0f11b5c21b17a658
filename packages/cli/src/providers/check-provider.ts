import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { ProviderError } from 'temporal-http-tasks/internal/providers/problems';
import type { ProviderProblem } from 'temporal-http-tasks/internal/providers/problems';
import { Refusal } from '../program/errors';
import type { CommonOptions } from '../program/command';
import type { ExitCode, Io } from '../program/io';
import { print, printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { counted } from '../terminal/words';
import { Accounts } from 'temporal-http-tasks/internal/tasks/worker-accounts';
import { describeProvider } from './describe-provider';

/** Checks a provider file, and prints what it defines or what is wrong with it. */
export async function checkProvider(io: Io, file: string, { json }: CommonOptions): Promise<ExitCode> {
  if (file === '') throw new Refusal('Usage', 'Name a provider file.', 'file');
  try {
    const found = await readProviderFile(file);
    const { provider, title, steps, ids, settings, tasks, skipped } = describeProvider({}, found, new Accounts());
    const names = settings.map(({ setting }) => setting);
    if (json) printJson(io, { ok: true, provider, title, file, ids, steps, tasks, settings: names, skipped });
    else {
      const contents = `${counted(steps.length, 'step', 'steps')}, ${counted(ids.length, 'ID', 'IDs')} and ${counted(tasks.length, 'task', 'tasks')}`;
      print(io, `${file} is valid: ${title} (${provider}) with ${contents}.`);
      print(io, `Settings: ${names.join(', ')}.`);
      for (const { operation, why } of skipped) say(io, `${operation} cannot be called: ${why}`);
    }
    return 0;
  } catch (error) {
    if (json || !(error instanceof ProviderError)) throw error;
    printProblems(io, error.problems);
    const { length } = error.problems;
    say(io, `${file} has ${length} ${length === 1 ? 'problem' : 'problems'}.`);
    return 2;
  }
}

/** Prints problems as a table. */
function printProblems(io: Io, problems: readonly ProviderProblem[]): void {
  const rows = problems.map(({ line, place, message }) => [line === undefined ? '' : String(line), place, message]);
  printTable(io, ['Line', 'Place', 'Problem'], rows);
}

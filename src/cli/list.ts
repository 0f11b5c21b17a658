import type { Command } from 'commander';
import { Catalogue } from '../tasks/catalogue';
import { describeCommand, onRun } from './command';
import type { CommonOptions } from './command';
import type { Io } from './io';
import { printJson, say } from './output';
import { printTable } from './table';

/** `http-tasks list [query]`: the tasks of the catalogue. Needs no settings and contacts nobody. */
export function defineListCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description: 'With a query only those whose name, summary, path or tags hold each of its words.',
    examples: ['http-tasks list', 'http-tasks list "batch removal"', 'http-tasks list --json'],
  });
  onRun<CommonOptions>(command, io, async ({ json }, [query]) => {
    const tasks = new Catalogue().search(query).map(({ name, summary, method, path, effect }) => ({ name, summary, method, path, effect }));
    if (json) printJson(io, tasks);
    else if (tasks.length === 0) say(io, 'No task matches. Try fewer words, or http-tasks list for all.');
    else printTable(io, ['Task', 'What it does', 'Method', 'Path', 'Effect'], tasks.map((task) => Object.values(task)));
    return 0;
  });
}

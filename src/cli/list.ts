import type { Command } from 'commander';
import { Catalogue } from '../tasks/catalogue';
import { addCommand, onRun } from './command';
import type { CommonOptions } from './command';
import type { Io } from './io';
import { printJson, printTable, say } from './output';

/** `http-tasks list [query]`: the tasks of the catalogue. Needs no settings and contacts nobody. */
export function registerListCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'list [query]',
    summary: 'list the HTTP tasks',
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

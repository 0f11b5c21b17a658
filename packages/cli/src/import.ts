import { Option } from 'commander';
import type { Command } from 'commander';
import { describeCommand, literalOption, onRun } from './command';
import type { Io } from './io';
import { addImportDecisions } from './openapi-tasks';
import type { ImportOptions } from './import/run-import';

/** `http-tasks import SPEC`: the operations of an OpenAPI document, listed, written as definitions, or loaded. */
export function defineImportCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description:
      'Without an option it lists the operations of a document (OpenAPI 3.0 or 3.1, JSON or YAML, a file or a URL). With --operation it writes an editable definition of each into --out, or to stdout. With --all it makes a task of every operation, as tasksFromOpenApi does at run time, and reports what could not be one and what the document leaves to be decided. Contacts nobody but for a document at a URL.',
    examples: [
      'http-tasks import openapi.yml --search "remove items"',
      'http-tasks import desk.yml --operation ticketOpen --service desk --out src/tasks/desk',
      'http-tasks import openapi.yml --all --json',
    ],
  });
  command
    .addOption(
      literalOption('--search <words>', 'list only operations that these words find, best first; typos are forgiven'),
    )
    .addOption(new Option('--operation <id...>', 'make definitions of these operations'))
    .option('--all', 'make tasks of all operations and report; with --out, write a definition of each')
    .addOption(
      literalOption('--out <folder>', 'where definitions are written; a file for each task and one for the service'),
    )
    .option('--force', 'overwrite definitions that are there already')
    .addOption(new Option('--allow-host <host...>', 'hosts to which references of the document may lead'));
  addImportDecisions(command);
  onRun<ImportOptions>(command, io, async (options, [spec = '']) =>
    (await import('./import/run-import.js')).runImport(io, spec, options),
  );
}

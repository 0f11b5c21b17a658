import { Option } from 'commander';
import { defineCommand, flag, literalOption } from '../program/command';
import { IMPORT_DECISIONS } from '../tasks/openapi-tasks';
import type { ImportOptions } from './run';

/** `http-tasks import SPEC`: the operations of an OpenAPI document, listed, written as definitions, or loaded. */
export const importCommand = defineCommand<ImportOptions>({
  description:
    'Without an option it lists the operations of a document (OpenAPI 3.0 or 3.1, JSON or YAML, a file or a ' +
    'URL). With --operation it writes an editable definition of each into --out, or to stdout. With --all it ' +
    'creates a task from every operation, as tasksFromOpenApi does at run time, and reports operations that ' +
    'cannot be tasks and decisions that the document leaves open. Contacts no server except for a document at a ' +
    'URL.',
  examples: [
    'http-tasks import openapi.yml --search "remove items"',
    'http-tasks import desk.yml --operation ticketOpen --service desk --out src/tasks/desk',
    'http-tasks import openapi.yml --all --json',
  ],
  options: [
    literalOption('--search <words>', 'list only operations that match these words, best first; typos are tolerated'),
    new Option('--operation <id...>', 'make definitions of these operations'),
    flag('--all', 'make tasks of all operations and report; with --out, write a definition of each'),
    literalOption('--out <folder>', 'where definitions are written; a file for each task and one for the service'),
    flag('--force', 'overwrite existing definitions'),
    new Option('--allow-host <host...>', 'hosts to which references of the document may lead'),
    IMPORT_DECISIONS,
  ],
  run: async (io, options, [spec = '']) => (await import('./run.js')).runImport(io, spec, options),
});

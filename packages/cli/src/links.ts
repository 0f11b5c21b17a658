import type { Command } from 'commander';
import { describeCommand, literalOption, onRun } from './command';
import type { Io } from './io';
import { addTemporalOptions } from './temporal-options';
import type { LinksOptions } from './links/print-links';

/** `http-tasks links`: links to the Temporal UI's forms, with everything filled in but the id. */
export function defineLinksCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description: [
      'A link for each workflow, with its type, the task queue and an example input that changes nothing; you edit it, give the',
      'run an id and press Start. The UI copies the input from a run that the command starts with a long delay and terminates at',
      'once, so that nothing is called. Retention removes those runs, and then the links show an empty input: print them again.',
    ].join(' '),
    examples: [
      'http-tasks links --ui-url https://temporal.example.com',
      'HTTP_TASKS_TEMPORAL_UI=https://temporal.example.com http-tasks links --json',
    ],
  });
  command.addOption(
    literalOption(
      '--ui-url <url>',
      'the Temporal UI (else HTTP_TASKS_TEMPORAL_UI; for a server on this machine its port + 1,000)',
    ),
  );
  addTemporalOptions(command);
  onRun<LinksOptions>(command, io, async (options) => {
    const { printLinks } = await import('./links/print-links.js');
    return printLinks(io, options);
  });
}

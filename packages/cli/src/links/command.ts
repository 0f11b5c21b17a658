import { defineCommand, literalOption } from '../program/command';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { LinksOptions } from './run';

/** `http-tasks links`: links to the Temporal UI's forms, with everything filled in but the workflow ID. */
export const linksCommand = defineCommand<LinksOptions>({
  description: [
    'A link for each workflow, with its type, the task queue and an example input that changes nothing; you edit it, give the',
    'run an ID and press Start. The UI copies the input from a run that the command starts with a long delay and terminates at',
    'once, so that nothing is called. Retention removes those runs, and then the links show an empty input: print them again.',
  ].join(' '),
  examples: [
    'http-tasks links --ui-url https://temporal.example.com',
    'HTTP_TASKS_TEMPORAL_UI=https://temporal.example.com http-tasks links --json',
  ],
  options: [
    literalOption(
      '--ui-url <url>',
      'the Temporal UI (else HTTP_TASKS_TEMPORAL_UI; for a server on this machine its port + 1,000)',
    ),
    TEMPORAL_OPTIONS,
  ],
  run: async (io, options) => {
    const { printLinks } = await import('./run.js');
    return printLinks(io, options);
  },
});

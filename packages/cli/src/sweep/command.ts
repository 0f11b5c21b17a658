import { defineCommand } from '../program/command';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import { SWEEP_CONTROLS } from './control-commands';
import { readWantedSweep, SOURCE_HELP, SWEEP_OPTIONS } from './sweep-options';
import type { SweepOptions } from './sweep-options';
import { SWEEP_VIEWS } from './view-commands';

/** `http-tasks sweep`: offboards every user of a source; its subcommands show and control a sweep. */
export const sweepCommand = defineCommand<SweepOptions>({
  description: [
    'Starts the workflow offboardUsers; a worker does the work. A file on this machine is streamed into the ledger',
    '(HTTP_TASKS_LEDGER_URL, HTTP_TASKS_SUBJECT_KEY and PLAID_ENV must be those of the worker), counted and checked',
    'first: nothing is started when it is missing, has no users, or has too many users or bad rows.',
    'In a terminal it shows how many users will be deleted where and asks for their number; when the worker reads the',
    'source, the reply is the approval of the sweep. Without a terminal it starts immediately, except in production,',
    'as the live workers recorded it in the ledger, where --yes is required.',
    'The IDs are in the ledger only, encrypted. Ctrl-C leaves the sweep running.',
    'Exits 0 when the sweep was started or, with --watch, completed; 1 when it ended otherwise, paused, or waits for',
    `approval; 2 when the input or the source is refused.\n\n${SOURCE_HELP}`,
  ].join(' '),
  examples: [
    'http-tasks sweep --source users.csv --reason CONSUMER_ACCOUNT_CLOSED --watch',
    'http-tasks sweep --source query:closed_accounts --reason CONSUMER_ACCOUNT_CLOSED --skip-done --tolerance 1% --approval',
    'http-tasks sweep --source users.jsonl.gz --reason OTHER --dry-run --reject-file rejected.csv --json --watch',
    'http-tasks sweep --input @sweep.json --id closed-2030-01',
    'http-tasks sweep --source query:closed_accounts --reason OTHER --yes --watch --json',
  ],
  options: [SWEEP_OPTIONS, TEMPORAL_OPTIONS],
  run: async (io, options) => {
    const wanted = await readWantedSweep(options);
    const { startSweep } = await import('./start-sweep.js');
    return startSweep(io, wanted, options);
  },
  commands: [...SWEEP_VIEWS, ...SWEEP_CONTROLS],
});

import type { Command } from 'commander';
import { describeCommand, onRun } from './command';
import { Refusal } from './errors';
import type { Io } from './io';
import { flagOf } from './sweep/plan-options';
import { SOURCE_HELP } from './sweep/source-argument';
import { registerSweepControls } from './sweep/control-commands';
import { registerSweepViews } from './sweep/view-commands';
import { addSweepOptions, readWantedSweep } from './sweep/sweep-options';
import type { SweepOptions } from './sweep/sweep-options';
import { addTemporalOptions } from './temporal-options';

/** `http-tasks sweep`: off-boards everybody whom a source names; its sub-commands look at a sweep and steer it. */
export function defineSweepCommand(sweep: Command, io: Io): void {
  describeCommand(sweep, {
    description: [
      'Starts the workflow offboardUsers; a worker does the work. A file on this machine is streamed into the ledger',
      '(HTTP_TASKS_LEDGER_URL, HTTP_TASKS_SUBJECT_KEY and PLAID_ENV have to be those of the worker), counted and checked',
      'first: nothing is started when it is missing, names nobody, or has too many users or bad rows.',
      'In a terminal it shows how many users will be deleted where and asks for their number; when the worker reads the',
      'source, the answer is the approval of the sweep. Without a terminal it starts immediately, except in production,',
      'as the live workers recorded it in the ledger, where --yes is required.',
      'The ids stand in the ledger only, encrypted. Ctrl-C leaves the sweep running.',
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
  });
  addTemporalOptions(addSweepOptions(sweep));
  onRun<SweepOptions>(sweep, io, async (options) => {
    const wanted = await readWantedSweep(options);
    const { startSweep } = await import('./sweep/start-sweep.js');
    return startSweep(io, wanted, options);
  });
  sweep.hook('preSubcommand', refuseStrayOptions);
  registerSweepViews(sweep, io);
  registerSweepControls(sweep, io);
}

/** `sweep --watch status ID` would drop the option without a word. */
function refuseStrayOptions(sweep: Command, subcommand: Command): void {
  const stray = Object.keys(sweep.opts()).find((option) => option !== 'json');
  if (stray === undefined) return;
  throw new Refusal(
    'Usage',
    `${flagOf(stray)} belongs to sweep itself, not to sweep ${subcommand.name()}; leave it out or write it behind.`,
  );
}

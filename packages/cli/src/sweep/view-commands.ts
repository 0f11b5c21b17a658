import { flag, literalOption, subcommand, wholeNumber } from '../program/command';
import type { CommonOptions, Subcommand } from '../program/command';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { Refusal } from '../program/errors';
import { readWantedSweep, SOURCE_HELP, SWEEP_OPTIONS } from './sweep-options';
import type { SweepOptions } from './sweep-options';

interface ListOptions extends CommonOptions {
  limit?: string;
}

interface ResultsCommandOptions extends CommonOptions {
  failed?: boolean;
  out?: string;
  force?: boolean;
}

interface ReleaseOptions extends CommonOptions, TemporalOptions {
  yes?: boolean;
}

const DEFAULT_LIMIT = '20';
const MOST_LISTED = 10_000;

/** Options of `sweep` that only concern its start. */
const OF_START: readonly (string | undefined)[] = ['--reject-file', '--id', '--watch', '--yes'];

const PREVIEW = subcommand<SweepOptions>('preview', {
  summary: 'show what a sweep would read and what it would delete where; start nothing',
  description: [
    'Takes the options of sweep. A file on this machine is read to its end: users, rejected rows, columns used and ignored,',
    'and the first rows as they are read, with sensitive IDs masked. Duplicates, users on hold and users who were done before',
    `are found by a dry run. Writes nothing. Exits 2 when a sweep of the file would be refused.\n\n${SOURCE_HELP}`,
  ].join(' '),
  examples: [
    'http-tasks sweep preview --source users.csv --reason OTHER',
    'http-tasks sweep preview --source query:closed_accounts --reason OTHER --json',
  ],
  options: [SWEEP_OPTIONS.filter(({ long }) => !OF_START.includes(long ?? undefined)), TEMPORAL_OPTIONS],
  run: async (io, options) => {
    const wanted = await readWantedSweep(options);
    const { previewSweep } = await import('./preview.js');
    return previewSweep(io, wanted, options);
  },
});

const STATUS = subcommand<CommonOptions & TemporalOptions>('status <id>', {
  summary: 'show sweep status',
  description:
    'Queries the workflow, or the ledger when no worker responds or Temporal no longer has the run. Exits 0 when ' +
    'the sweep is known, whatever its status.',
  examples: ['http-tasks sweep status sweep-20300131-120000-1f2e3d4c', 'http-tasks sweep status closed-2030-01 --json'],
  options: [TEMPORAL_OPTIONS],
  run: async (io, options, [id = '']) => {
    const { showStatus } = await import('./status.js');
    return showStatus(io, id, options);
  },
});

const WATCH = subcommand<CommonOptions & TemporalOptions>('watch <id>', {
  summary: 'follow a sweep until it ends, pauses or waits for approval',
  description:
    'Keeps watching while a worker or the server is down for some time. Ctrl-C does not affect the sweep. Exits ' +
    '0 when it completed and 1 otherwise.',
  examples: ['http-tasks sweep watch closed-2030-01', 'http-tasks sweep watch closed-2030-01 --json'],
  options: [TEMPORAL_OPTIONS],
  run: async (io, options, [id = '']) => {
    const [{ withTemporal }, { watchSweep }] = await Promise.all([
      import('../temporal/client.js'),
      import('./watch.js'),
    ]);
    return withTemporal(io, options, (client) => watchSweep(io, { client, sweepId: id, json: options.json ?? false }));
  },
});

const RESULTS = subcommand<ResultsCommandOptions>('results <id>', {
  summary: 'show the outcomes of the users of a sweep, and its failures by step and code',
  description: [
    'Reads the ledger; needs no Temporal server. --failed lists the users with failed steps: number, reference, step,',
    'code, request ID and what to do. Exits 0 when the ledger has the sweep.',
  ].join(' '),
  examples: [
    'http-tasks sweep results closed-2030-01',
    'http-tasks sweep results closed-2030-01 --failed --out failed.csv',
    'http-tasks sweep results closed-2030-01 --json',
  ],
  options: [
    flag('--failed', 'list the users with failed steps'),
    literalOption('--out <file>', 'write the list of --failed as CSV'),
    flag('--force', 'replace the file of --out'),
  ],
  run: async (io, { json, failed, out, force = false }, [id = '']) => {
    if (out !== undefined && !failed) throw new Refusal('Usage', '--out needs --failed.', 'out');
    const { showResults } = await import('./ledger-view.js');
    return showResults(io, id, {
      ...(json && { json }),
      ...(failed && { failed }),
      ...(out !== undefined && { file: { path: out, force } }),
    });
  },
});

const LIST = subcommand<ListOptions>('list', {
  summary: 'list the sweeps of the ledger, the newest first',
  examples: ['http-tasks sweep list', 'http-tasks sweep list --limit 100 --json'],
  options: [literalOption('--limit <n>', `maximum number of sweeps (else ${DEFAULT_LIMIT})`)],
  run: async (io, { limit = DEFAULT_LIMIT, json = false }) => {
    const most = wholeNumber('--limit', limit, { min: 1, max: MOST_LISTED });
    const { listSweeps } = await import('./ledger-view.js');
    return listSweeps(io, { limit: most, json });
  },
});

const RELEASE = subcommand<ReleaseOptions>('release <id>', {
  summary: 'destroy the key of a sweep, so that its IDs can no longer be read',
  description:
    'The failed and unknown users of the sweep cannot be redriven afterwards. Receipts, counts and the Merkle ' +
    'root stay. It happens automatically after 30 days without work on the sweep. Asks first, unless --yes is ' +
    'given.',
  examples: ['http-tasks sweep release closed-2030-01', 'http-tasks sweep release closed-2030-01 --yes --json'],
  options: [flag('--yes', 'do not ask'), TEMPORAL_OPTIONS],
  run: async (io, options, [id = '']) => {
    const { releaseSweep } = await import('./control.js');
    return releaseSweep(io, id, options);
  },
});

/** `sweep preview|status|watch|results|list|release`: the subcommands that show sweeps, and the one that releases their IDs. */
export const SWEEP_VIEWS: readonly Subcommand[] = [PREVIEW, STATUS, WATCH, RESULTS, LIST, RELEASE];

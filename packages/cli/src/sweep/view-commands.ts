import { flag, literalOption, subcommand, wholeNumber } from '../program/command';
import type { CommonOptions, Subcommand } from '../program/command';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { Refusal } from '../program/errors';

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

const STATUS = subcommand<CommonOptions & TemporalOptions>('status <id>', {
  summary: 'show how a sweep stands',
  description:
    'Asks the workflow, and when no worker answers or Temporal has forgotten the run, the ledger. Exits 0 when the sweep is known, however it stands.',
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
    'A worker or a server that is down for a while does not end the watching, and Ctrl-C does not touch the sweep. Exits 0 when it completed and 1 otherwise.',
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
  summary: 'show what became of the users of a sweep, and its failures by step and code',
  description: [
    'Reads the ledger; needs no Temporal server. --failed lists the users with failed steps: number, reference, step,',
    'code, request ID and what to do. Exits 0 when the ledger knows the sweep.',
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
  options: [literalOption('--limit <n>', `at most so many (else ${DEFAULT_LIMIT})`)],
  run: async (io, { limit = DEFAULT_LIMIT, json = false }) => {
    const most = wholeNumber('--limit', limit, { min: 1, max: MOST_LISTED });
    const { listSweeps } = await import('./ledger-view.js');
    return listSweeps(io, { limit: most, json });
  },
});

const RELEASE = subcommand<ReleaseOptions>('release <id>', {
  summary: 'destroy the key of a sweep, so that nobody can read its ids any more',
  description:
    'The failed and unknown users of the sweep cannot be redriven afterwards. Receipts, counts and the Merkle root stay. It happens by itself when nobody has worked at the sweep for 30 days. Asks first, unless --yes says so.',
  examples: ['http-tasks sweep release closed-2030-01', 'http-tasks sweep release closed-2030-01 --yes --json'],
  options: [flag('--yes', 'do not ask'), TEMPORAL_OPTIONS],
  run: async (io, options, [id = '']) => {
    const { releaseSweep } = await import('./control.js');
    return releaseSweep(io, id, options);
  },
});

/** `sweep status|watch|results|list|release`: what there is to know about sweeps, and the end of what is known. */
export const SWEEP_VIEWS: readonly Subcommand[] = [STATUS, WATCH, RESULTS, LIST, RELEASE];

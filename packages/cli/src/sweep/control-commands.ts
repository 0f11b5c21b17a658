import { flag, literalOption, subcommand, wholeNumber, YES_OPTION } from '../program/command';
import type { CommonOptions, Subcommand } from '../program/command';
import { callsPerMinute } from '../rate/calls-per-minute';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { planOptions } from './plan-options';
import type { RedriveOptions } from './redrive';
import type { SweepUpdate } from './control';

interface ControlOptions extends CommonOptions, TemporalOptions {
  watch?: boolean;
}

interface RateOptions extends ControlOptions {
  service?: string;
  keySlot?: string;
}

interface ApproveOptions extends ControlOptions {
  total?: string;
  by?: string;
  key?: string;
  print?: boolean;
}

const MOST_USERS = 1_000_000_000;
const WATCH_OPTION = flag('--watch', 'follow the sweep to its end');

const PAUSE = subcommand<ControlOptions>('pause <id>', {
  summary: 'start no more work in a sweep until it is resumed',
  description: 'Work in progress finishes or is handed back within seconds; no call is aborted.',
  examples: ['http-tasks sweep pause closed-2030-01'],
  options: [TEMPORAL_OPTIONS],
  run: (io, options, [id = '']) => update(io, id, { name: 'pause' }, options),
});

const RESUME = subcommand<ControlOptions>('resume <id>', {
  summary: 'continue a paused sweep, whatever the reason of the pause',
  description: 'After a refused key, put the right one in place first: the worker reads keys from files again.',
  examples: ['http-tasks sweep resume closed-2030-01 --watch'],
  options: [WATCH_OPTION, TEMPORAL_OPTIONS],
  run: (io, options, [id = '']) => update(io, id, { name: 'resume' }, options),
});

const RATE = subcommand<RateOptions>('rate <id> <calls>', {
  summary: "set a sweep's own limit on calls, in calls a minute or a second, or auto",
  description:
    'It limits the calls of all sweeps of this ledger while this one runs, and ends with it; the lowest of all running sweeps and ' +
    'the standing limit (http-tasks rate) counts. auto removes it. In a dry run it is not stored and changes nothing.',
  examples: [
    'http-tasks sweep rate closed-2030-01 600',
    'http-tasks sweep rate closed-2030-01 10/s',
    'http-tasks sweep rate closed-2030-01 auto --service batch --key-slot ios',
  ],
  options: [
    literalOption('--service <name>', 'the service of the limit (else plaid)'),
    literalOption('--key-slot <name>', 'the key of a service with several keys, for example ios'),
    TEMPORAL_OPTIONS,
  ],
  run: (io, options, [id = '', calls = '']) => {
    const { service, keySlot } = options;
    const argument = {
      callsPerMinute:
        calls === 'auto' ? null : callsPerMinute(calls, { name: 'CALLS', field: 'calls', or: ', or auto' }),
      ...(service !== undefined && { service }),
      ...(keySlot !== undefined && { keySlot }),
    };
    return update(io, id, { name: 'setRate', argument }, options);
  },
});

const APPROVE = subcommand<ApproveOptions>('approve <id>', {
  summary: 'approve a sweep that waits for approval',
  description: [
    '--total has to be the number of its users, as shown by sweep status.',
    'Where the policy of the workers names approvers, --by is the name there and --key the matching private key; what',
    'is signed: sweep, users, plan, number of users and environment. --print prints the signed approval, for the Temporal UI',
    'or the console, and sends nothing.',
  ].join(' '),
  examples: [
    'http-tasks sweep approve closed-2030-01 --total 1204 --by alice --watch',
    'http-tasks sweep approve closed-2030-01 --total 1204 --by alice --key alice.pem',
    'http-tasks sweep approve closed-2030-01 --total 1204 --by alice --key alice.pem --print',
  ],
  options: [
    literalOption('--total <n>', 'number of users of the sweep'),
    literalOption('--by <name>', 'name of the approver'),
    literalOption('--key <file>', 'private key of the approver; the approval is signed with it'),
    flag('--print', 'with --key: print the signed approval and send nothing'),
    WATCH_OPTION,
    TEMPORAL_OPTIONS,
  ],
  run: (io, options, [id = '']) => {
    const { total, by, key, print = false } = options;
    if (total === undefined)
      throw new Refusal('Usage', '--total is required; http-tasks sweep status shows the number of users.', 'total');
    if (by === undefined || by === '') throw new Refusal('Usage', '--by is required: the name of the approver.', 'by');
    const argument = { total: wholeNumber('--total', total, { min: 0, max: MOST_USERS }), by };
    if (print && key === undefined) throw new Refusal('Usage', '--print needs --key.', 'print');
    return update(io, id, { name: 'approve', argument, ...(key !== undefined && { key, print }) }, options);
  },
});

const CANCEL = subcommand<ControlOptions>('cancel <id>', {
  summary: 'end a sweep: no more users are started, and what was done stays done',
  description:
    'Work in progress finishes and is recorded first. Users who were not started count as skipped; a new sweep can process them.',
  examples: ['http-tasks sweep cancel closed-2030-01 --watch'],
  options: [WATCH_OPTION, TEMPORAL_OPTIONS],
  run: async (io, options, [id = '']) => {
    const { cancelSweep } = await import('./control.js');
    return cancelSweep(io, id, options);
  },
});

const REDRIVE = subcommand<RedriveOptions>('redrive <id>', {
  summary: 'retry the failed and unknown users of a sweep that has ended, in a new sweep',
  description: [
    'The new sweep has the ID of the old one with -redrive-N behind it, a Merkle root of its own, and the options of the',
    'old one, which are read from Temporal; options given here replace them. In a terminal it asks for the number of users,',
    'like sweep.',
  ].join(' '),
  examples: [
    'http-tasks sweep redrive closed-2030-01 --watch',
    'http-tasks sweep redrive closed-2030-01 --tolerance 10 --approval',
  ],
  options: [
    planOptions('--note'),
    literalOption('--id <id>', 'the ID of the new sweep (else the old ID and -redrive-N)'),
    YES_OPTION,
    WATCH_OPTION,
    TEMPORAL_OPTIONS,
  ],
  run: async (io, options, [id = '']) => {
    const { redriveSweep } = await import('./redrive.js');
    return redriveSweep(io, id, options);
  },
});

async function update(io: Io, sweepId: string, wanted: SweepUpdate, options: ControlOptions): Promise<ExitCode> {
  const { updateSweep } = await import('./control.js');
  return updateSweep(io, sweepId, wanted, options);
}

/** `sweep pause|resume|rate|approve|cancel|redrive`: the subcommands that change a sweep. */
export const SWEEP_CONTROLS: readonly Subcommand[] = [PAUSE, RESUME, RATE, APPROVE, CANCEL, REDRIVE];

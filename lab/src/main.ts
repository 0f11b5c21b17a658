import type { ListedCommand } from '@temporal-http-tasks/cli/internal/program/command-list';
import { runCommandLine } from '@temporal-http-tasks/cli/internal/program/program';
import { runProcess } from '@temporal-http-tasks/cli/internal/program/run-process';

const COMMANDS: readonly ListedCommand[] = [
  {
    usage: 'bench [what]',
    summary: 'measure latency, throughput, bundle size and startup on this machine',
    load: async () => (await import('./bench.js')).benchCommand,
  },
  {
    usage: 'process-faults',
    summary: 'kill and restart the processes under a sweep, and compare it with an undisturbed one',
    load: async () => (await import('./processes.js')).processFaultsCommand,
  },
];

runProcess((argv, io) =>
  runCommandLine(argv, io, {
    name: 'lab',
    description: 'Benchmarks and process faults of temporal-http-tasks.',
    commands: COMMANDS,
  }),
);

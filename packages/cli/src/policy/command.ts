import { defineGroup, subcommand } from '../program/command';
import type { CommonOptions } from '../program/command';

const SHOW = subcommand<CommonOptions>('show', {
  summary: 'show the policy that applies to a process with these settings',
  description: 'Reads the file that HTTP_TASKS_POLICY names. Its digest is the SHA-256 of the file.',
  examples: ['HTTP_TASKS_POLICY=policy.yaml http-tasks policy show', 'http-tasks policy show --json'],
  run: async (io, options) => (await import('./show-policy.js')).showPolicy(io, options),
});

const CHECK = subcommand<CommonOptions>('check <file>', {
  summary: 'check a policy file and report every problem with its place',
  description: 'Needs no setting. Exits 2 when anything is wrong.',
  examples: ['http-tasks policy check policy.yaml', 'http-tasks policy check policy.yaml --json'],
  run: async (io, options, [file = '']) => (await import('./show-policy.js')).checkPolicy(io, file, options),
});

/** `http-tasks policy …`: the operator's policy, which no input of a run overrides. */
export const policyCommand = defineGroup(
  'The policy file that HTTP_TASKS_POLICY names limits what a worker may do, whatever a run requests. Each ' +
    'process reads its own at startup.',
  [SHOW, CHECK],
);

import type { Command } from 'commander';
import { addCommand, onRun } from './command';
import type { CommonOptions } from './command';
import type { Io } from './io';

/** `http-tasks policy …`: the operator's policy, which no input of a run overrides. */
export function definePolicyCommand(policy: Command, io: Io): void {
  policy.description(
    'The policy file that HTTP_TASKS_POLICY names limits what a worker may do, whatever a run asks for. Each process reads its own at startup.',
  );
  registerShow(policy, io);
  registerCheck(policy, io);
}

function registerShow(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'show',
    summary: 'show the policy that a process with these settings obeys',
    description: 'Reads the file that HTTP_TASKS_POLICY names. Its digest is the SHA-256 of the file.',
    examples: ['HTTP_TASKS_POLICY=policy.yaml http-tasks policy show', 'http-tasks policy show --json'],
  });
  onRun<CommonOptions>(command, io, async (options) =>
    (await import('./policy/show-policy.js')).showPolicy(io, options),
  );
}

function registerCheck(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'check <file>',
    summary: 'check a policy file and report every problem with its place',
    description: 'Needs no setting. Exits 2 when anything is wrong.',
    examples: ['http-tasks policy check policy.yaml', 'http-tasks policy check policy.yaml --json'],
  });
  onRun<CommonOptions>(command, io, async (options, [file = '']) =>
    (await import('./policy/show-policy.js')).checkPolicy(io, file, options),
  );
}

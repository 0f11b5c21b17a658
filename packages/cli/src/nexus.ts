import type { Command } from 'commander';
import { addCommand, literalOption, onRun } from './command';
import type { CommonOptions } from './command';
import { Refusal } from './errors';
import type { Io } from './io';
import { addTemporalOptions } from './temporal-options';
import type { TemporalOptions } from './temporal-options';

interface SetupOptions extends CommonOptions, TemporalOptions {
  endpoint?: string;
}

/** The endpoint of who names no other. */
const DEFAULT_ENDPOINT = 'offboarding';

/** What Temporal takes. */
const ENDPOINT_NAME = /^[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$/;

/** `http-tasks nexus setup`: what callers in other namespaces need. */
export function defineNexusCommand(nexus: Command, io: Io): void {
  nexus.description(
    'The Nexus service "offboarding" is served by every worker; callers need an endpoint that leads to it.',
  );
  const command = addCommand(nexus, {
    usage: 'setup',
    summary: 'create the Nexus endpoint that leads to the workers, or compare the one that is there',
    description: [
      'The endpoint leads to the namespace of --namespace and the task queue of HTTP_TASKS_TASK_QUEUE. One that leads elsewhere',
      'is left as it is, and told with exit 1. On Temporal Cloud, endpoints are made in its own console.',
    ].join(' '),
    examples: [
      'http-tasks nexus setup',
      'http-tasks nexus setup --endpoint offboarding-eu --namespace people-eu --json',
    ],
  });
  command.addOption(literalOption('--endpoint <name>', `as callers name it (else ${DEFAULT_ENDPOINT})`));
  addTemporalOptions(command);
  onRun<SetupOptions>(command, io, async ({ endpoint = DEFAULT_ENDPOINT, ...options }) => {
    if (!ENDPOINT_NAME.test(endpoint))
      throw new Refusal(
        'Usage',
        '--endpoint must be letters, digits and "-", begin with a letter and not end with "-".',
        'endpoint',
      );
    const { setUpNexus } = await import('./nexus/set-up-nexus.js');
    return setUpNexus(io, endpoint, options);
  });
}

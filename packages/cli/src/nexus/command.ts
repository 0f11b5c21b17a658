import { defineGroup, literalOption, subcommand } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';

interface SetupOptions extends CommonOptions, TemporalOptions {
  endpoint?: string;
}

/** The default endpoint. */
const DEFAULT_ENDPOINT = 'offboarding';

/** Names that Temporal accepts. */
const ENDPOINT_NAME = /^[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$/;

const SETUP = subcommand<SetupOptions>('setup', {
  summary: 'create the Nexus endpoint that leads to the workers, or compare the existing one',
  description: [
    'The endpoint leads to the namespace of --namespace and the task queue of HTTP_TASKS_TASK_QUEUE. One that leads elsewhere',
    'is not changed, and reported with exit 1. On Temporal Cloud, endpoints are created in its own console.',
  ].join(' '),
  examples: ['http-tasks nexus setup', 'http-tasks nexus setup --endpoint offboarding-eu --namespace people-eu --json'],
  options: [literalOption('--endpoint <name>', `name of the endpoint (else ${DEFAULT_ENDPOINT})`), TEMPORAL_OPTIONS],
  run: async (io, { endpoint = DEFAULT_ENDPOINT, ...options }) => {
    if (!ENDPOINT_NAME.test(endpoint))
      throw new Refusal(
        'Usage',
        '--endpoint must be letters, digits and "-", begin with a letter and not end with "-".',
        'endpoint',
      );
    const { setUpNexus } = await import('./run.js');
    return setUpNexus(io, endpoint, options);
  },
});

/** `http-tasks nexus setup`: sets up what callers in other namespaces need. */
export const nexusCommand = defineGroup(
  'The Nexus service "offboarding" is served by every worker; callers need an endpoint that leads to it.',
  [SETUP],
);

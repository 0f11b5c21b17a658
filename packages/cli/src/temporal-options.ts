import type { Command } from 'commander';
import { literalOption } from './command';

/** Where the Temporal server is, when the profile or the environment should not decide. */
export interface TemporalOptions {
  address?: string;
  namespace?: string;
  profile?: string;
}

/** Adds the options of every command that talks to a Temporal server. */
export function addTemporalOptions(command: Command): Command {
  return command
    .addOption(
      literalOption(
        '--address <host:port>',
        'the Temporal server (else TEMPORAL_ADDRESS or the profile; else localhost:7233)',
      ),
    )
    .addOption(
      literalOption('--namespace <name>', 'the namespace (else TEMPORAL_NAMESPACE or the profile; else default)'),
    )
    .addOption(
      literalOption('--profile <name>', "a profile of Temporal's own configuration file (else TEMPORAL_PROFILE)"),
    );
}

/** The same as settings, for what reads the environment; only those that were given. */
export function temporalEnv({ address, namespace, profile }: TemporalOptions): Record<string, string> {
  return {
    ...(address !== undefined && { TEMPORAL_ADDRESS: address }),
    ...(namespace !== undefined && { TEMPORAL_NAMESPACE: namespace }),
    ...(profile !== undefined && { TEMPORAL_PROFILE: profile }),
  };
}

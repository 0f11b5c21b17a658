import { CommandFailure } from '@temporal-http-tasks/cli/internal/program/errors';
import { withInterruption } from '@temporal-http-tasks/cli/internal/terminal/interruption';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { withLocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import type { LocalStack, LocalStackOptions } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import { say } from '@temporal-http-tasks/cli/internal/terminal/output';
import type { Figures } from './figures';

/** A measurement; it may have more than the figures. */
interface Measured {
  figures: Figures;
}

/** Starts a local stack, measures on it, reports, and returns 0 only if all figures keep their limits. */
export async function measureOnLocalStack<T extends Measured>(
  io: Io,
  measure: (stack: LocalStack) => Promise<T>,
  report: (measured: T) => void,
  { env, ...options }: Partial<Pick<LocalStackOptions, 'env' | 'ledgerUrl' | 'workerEnv'>> = {},
): Promise<ExitCode> {
  return withInterruption<ExitCode>(async ({ signal, wished }) =>
    withLocalStack<ExitCode>(
      {
        env: { ...io.env, ...env },
        simulators: {},
        withUi: false,
        ...options,
        report: (line) => say(io, line),
        signal,
      },
      async (stack) => {
        const measured = await Promise.race([measure(stack), wished]);
        if (measured === 'interrupted')
          throw new CommandFailure(
            'Interrupted',
            'Stopped before everything was measured. Worker, simulators and server have ended.',
          );
        report(measured);
        return Object.values(measured.figures).every(({ ok }) => ok) ? 0 : 1;
      },
    ),
  );
}

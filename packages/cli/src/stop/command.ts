import type { Stop } from 'temporal-http-tasks/internal/ledger/ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { defineCommand, flag, literalOption } from '../program/command';
import type { CommonOptions } from '../program/command';
import { withWorkersLedger } from '../ledger/open-ledger';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { localTime } from '../terminal/words';
import { print, printJson, say } from '../terminal/output';
import { userName } from '../users/current-user';

/** Maximum number of sweeps that are checked, newest first. */
const LATEST_SWEEPS = 1_000;

const RESUME_WITHIN_MS = 30_000;

const MAX_TEXT_CHARACTERS = 500;

interface StopOptions extends CommonOptions {
  reason?: string;
  by?: string;
}

interface StartOptions extends CommonOptions, TemporalOptions {
  by?: string;
  resume?: boolean;
}

/** `http-tasks stop`: the kill switch of a ledger, for all its workers. */
export const stopCommand = defineCommand<StopOptions>({
  description:
    'Within five seconds no worker sends any more calls that change something. Reads continue. Sweeps pause (pausedBecause: ' +
    'stopped), single runs wait, and nothing fails because of it. A deadline that is a duration stops for sweeps; deadlines ' +
    'of single runs continue. Needs the HTTP_TASKS_LEDGER_URL and HTTP_TASKS_SUBJECT_KEY of the workers.',
  examples: ['http-tasks stop --reason "wrong export, see INC-204"'],
  options: [
    literalOption('--reason <text>', 'why, without personal data; the ledger keeps it (required)'),
    literalOption('--by <name>', 'who stops it; not verified (else your login)'),
  ],
  run: async (io, { reason, by = userName(), json }) => {
    const stop = { reason: textOf('reason', reason), by: textOf('by', by) };
    return withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
      const asked = new Date().toISOString();
      const inForce = await ledger.stop(stop);
      if (json) printJson(io, { stopped: true, ...inForce });
      else
        print(
          io,
          inForce.at < asked
            ? `Already stopped ${wordsOf(inForce)}`
            : 'Stopped. Within five seconds, no worker of this ledger sends any more calls that change something.',
        );
      if (!json) say(io, 'To lift the stop: http-tasks start');
      return 0;
    });
  },
});

/** `http-tasks start`: lifts the stop. */
export const startCommand = defineCommand<StartOptions>({
  description: 'Runs that wait continue within seconds. Sweeps that were paused for another reason stay paused.',
  examples: ['http-tasks start', 'http-tasks start --no-resume'],
  options: [
    TEMPORAL_OPTIONS,
    literalOption('--by <name>', 'who lifts the stop; not verified (else your login)'),
    flag('--no-resume', 'leave the sweeps paused'),
  ],
  run: async (io, { by = userName(), resume = true, json, ...temporal }) => {
    const name = textOf('by', by);
    return withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
      const [last] = await ledger.listStops();
      const lifted = await ledger.start({ by: name });
      const sweeps: ResumedSweeps = resume
        ? await resumeStopped(io, ledger, { ...temporal, by: name })
        : { resumed: [], paused: [] };
      if (json) printJson(io, { stopped: false, lifted, ...sweeps });
      else {
        print(io, lifted && last ? `The stop is lifted. It was in force ${wordsOf(last)}` : 'Nothing was stopped.');
        for (const sweepId of sweeps.resumed) print(io, `Resumed the sweep ${sweepId}.`);
        for (const sweepId of sweeps.paused)
          say(io, `Still paused: ${sweepId}. Resume it with: http-tasks sweep resume ${sweepId}`);
      }
      return sweeps.paused.length > 0 ? 1 : 0;
    });
  },
});

function wordsOf({ at, by, reason }: Stop): string {
  return `since ${localTime(at)}, by ${by}: ${reason}`;
}

function textOf(field: string, text: string | undefined): string {
  if (text !== undefined && text !== '' && text.length <= MAX_TEXT_CHARACTERS) return text;
  throw new Refusal('Usage', `--${field} is required and must have 1 to ${MAX_TEXT_CHARACTERS} characters.`, field);
}

/** Sweeps that a stop had paused. */
interface ResumedSweeps {
  resumed: string[];
  /** Those that could not be resumed, for example because Temporal could not be reached. */
  paused: string[];
}

/** Sends `resume` to every sweep that is paused because everything was stopped. One that cannot be resumed sees
 * within half an hour that the stop is lifted. */
async function resumeStopped(
  io: Io,
  { sweeps }: Pick<OpenedLedger, 'sweeps'>,
  { by, ...temporal }: TemporalOptions & { by: string },
): Promise<ResumedSweeps> {
  const paused = (await sweeps.list({ limit: LATEST_SWEEPS })).filter(
    ({ status, pausedBecause }) => status === 'paused' && pausedBecause === 'stopped',
  );
  if (paused.length === 0) return { resumed: [], paused: [] };
  const result: ResumedSweeps = { resumed: [], paused: [] };
  const { withTemporal } = await import('../temporal/client.js');
  try {
    await withTemporal(io, temporal, async (client) => {
      for (const { sweepId, claimedBy } of paused) {
        // Another run under this ID may be paused for a reason of its own.
        const handle = client.workflow.getHandle(sweepId, undefined, { firstExecutionRunId: claimedBy });
        const resuming = client.withDeadline(Date.now() + RESUME_WITHIN_MS, () =>
          handle.executeUpdate('resume', { args: [{ by, because: 'stopped' }] }),
        );
        await resuming.then(
          () => result.resumed.push(sweepId),
          () => result.paused.push(sweepId),
        );
      }
    });
  } catch {
    const done = new Set([...result.resumed, ...result.paused]);
    result.paused.push(...paused.flatMap(({ sweepId }) => (done.has(sweepId) ? [] : [sweepId])));
  }
  return result;
}

import type { Client } from '@temporalio/client';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { nearMisses } from 'temporal-http-tasks/internal/config/known-settings';
import { readQueueSettings, readWorkerSettings } from 'temporal-http-tasks/internal/config/settings';
import { refuseMixedVersions } from 'temporal-http-tasks/internal/host-checks/temporal-versions';
import type { LedgerState } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { serviceOf } from 'temporal-http-tasks/internal/operator/pollers';
import { unusableSearchAttributes } from 'temporal-http-tasks/internal/operator/search-attributes';
import { packageVersion } from 'temporal-http-tasks/internal/package-version';
import { offboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { ProviderError } from 'temporal-http-tasks/internal/providers/problems';
import { parseOwnFields } from 'temporal-http-tasks/internal/tasks/parse-input';
import type { ExitCode, Io } from '../program/io';
import { findProviders } from '../providers/find-providers';
import { findSchedule, toScheduleDocument } from '../schedule/document';
import type { ScheduleDocument } from '../schedule/document';
import { SWEEP_WORKFLOW } from '../sweep/sweep-run';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { count, inWords } from '../terminal/words';
import { paint, print, printable, printJson } from '../terminal/output';
import type { ProvidersOptions } from '../users/options';

/** Statuses of a schedule's last run that need attention. */
const BAD_ENDS: readonly string[] = ['failed', 'partial', 'timedOut', 'terminated'];

/** The oldest Node.js that works, as in package.json. */
const OLDEST_NODE = [20, 19] as const;

/** The options of `doctor`. */
export type DoctorOptions = ProvidersOptions & TemporalOptions & { json?: boolean };

const MARKS = { ok: ['green', '✓'], warn: ['yellow', '!'], fail: ['red', '✗'] } as const;

/** Checks everything that can be checked, prints it, and returns 1 if a check failed. */
export async function runDoctor(io: Io, options: DoctorOptions): Promise<ExitCode> {
  const settings = await checkSettings(io, options);
  const [ledger, temporal] = await Promise.all([checkLedger(io), checkTemporal(io, options)]);
  const findings = [...checkInstallation(), ...settings, ...ledger, ...temporal];
  const ok = findings.every(({ state }) => state !== 'fail');
  if (options.json) printJson(io, { ok, checks: findings });
  else for (const finding of findings) printFinding(io, finding);
  return ok ? 0 : 1;
}

function printFinding(io: Io, { check, state, message, toDo }: Finding): void {
  const [colour, mark] = MARKS[state];
  print(io, `${paint(io, colour, mark)} ${inWords(check)}: ${printable(message)}`);
  if (toDo !== undefined) print(io, `    ${printable(toDo)}`);
}

/** Checks Node.js and the installed packages. */
function checkInstallation(): Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  const isNew = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  const node: Finding = {
    check: 'node',
    state: isNew ? 'ok' : 'fail',
    message: `Node.js ${process.versions.node}, temporal-http-tasks ${packageVersion()}`,
    ...(!isNew && { toDo: `Install Node.js ${OLDEST_NODE.join('.')} or later.` }),
  };
  try {
    refuseMixedVersions();
    return [node, { check: 'packages', state: 'ok', message: 'All @temporalio packages have the same version' }];
  } catch (error) {
    return [node, { check: 'packages', state: 'fail', message: messageOf(error) }];
  }
}

/** Checks every setting that a worker reads, and the provider files. */
async function checkSettings(io: Io, { providers: option }: ProvidersOptions): Promise<Finding[]> {
  const fail = (message: string): Finding => ({ check: 'settings', state: 'fail', message });
  try {
    const providers = (await findProviders(io, option)).map(({ provider }) => provider);
    const services = providers.map(({ service }) => service);
    const near = nearMisses(io.env, [...CATALOGUE_SERVICES, ...services]).map(({ setting, message }): Finding => ({
      check: 'settings',
      state: 'warn',
      message: `${setting}: ${message}`,
    }));
    const { settings } = readWorkerSettings({ ...io.env }, CATALOGUE_SERVICES, services);
    const names = [...settings.sender.services.keys()];
    return [...near, { check: 'settings', state: 'ok', message: `valid, for the services ${names.join(', ')}` }];
  } catch (error) {
    if (error instanceof SettingsError)
      return error.problems.map(({ setting, message }) => fail(`${setting}: ${message}`));
    if (error instanceof ProviderError)
      return error.problems.map(({ file, place, message }) => fail(`${file}: ${place}: ${message}`));
    return [fail(messageOf(error))];
  }
}

/** Checks the ledger and what an earlier version left in it. Changes nothing. */
async function checkLedger({ env }: Io): Promise<Finding[]> {
  const fail = (error: unknown): Finding[] => [{ check: 'ledger', state: 'fail', message: messageOf(error) }];
  let settings: ReturnType<typeof readLedgerSettings>;
  try {
    settings = readLedgerSettings(env);
  } catch {
    // Reported with the other settings.
    return [];
  }
  try {
    const { readLedgerState, readLimitsOfLedger } = await import('temporal-http-tasks/internal/ledger/open-ledger');
    const state = await readLedgerState(settings);
    if (!state) return [{ check: 'ledger', state: 'ok', message: 'there is none yet; the first worker creates it' }];
    const { rates } = await readLimitsOfLedger(settings, '');
    const standing = rates.flatMap(({ service, keySlot, standingPerMinute }) =>
      standingPerMinute === undefined
        ? []
        : [`${keySlot === '' ? service : `${service}.${keySlot}`}: ${count(standingPerMinute)} calls/min`],
    );
    return [...schemaFindings(state), ...holdFindings(state), ...rateFindings(standing)];
  } catch (error) {
    return fail(error);
  }
}

function schemaFindings({ missing, unknown, keyFits }: LedgerState): Finding[] {
  const key: Finding[] =
    keyFits === false
      ? [
          {
            check: 'subjectKey',
            state: 'fail',
            message:
              'HTTP_TASKS_SUBJECT_KEY is not the key of this ledger, so its users and holds would not be recognised',
            toDo: 'Set the key that the ledger was first opened with.',
          },
        ]
      : [];
  if (unknown.length > 0)
    return [
      ...key,
      {
        check: 'ledger',
        state: 'fail',
        message: `was migrated by a newer version (${unknown.join(', ')})`,
        toDo: 'Upgrade this installation.',
      },
    ];
  if (missing.length === 0)
    return [...key, { check: 'ledger', state: 'ok', message: 'has the schema of this version' }];
  return [
    ...key,
    {
      check: 'ledger',
      state: 'warn',
      message: `${missing.length} migrations are missing; the next worker runs them, and earlier versions refuse the ledger afterwards`,
      toDo: 'Back up the ledger first (docs/backup.md). Where workers may not create tables, run: http-tasks ledger migrate',
    },
  ];
}

function holdFindings({ oldHolds }: LedgerState): Finding[] {
  if (oldHolds === 0) return [];
  return [
    {
      check: 'holds',
      state: 'fail',
      message: `${oldHolds} legal ${oldHolds === 1 ? 'hold' : 'holds'} of version 0.1.0 may not protect in every environment`,
      toDo: 'Set them again with all IDs: http-tasks hold add --hold HOLD … (docs/holds.md)',
    },
  ];
}

function rateFindings(standing: readonly string[]): Finding[] {
  if (standing.length === 0) return [];
  return [
    {
      check: 'rates',
      state: 'warn',
      message: `standing limits apply to every run: ${standing.join(', ')}`,
      toDo: 'Remove one that is not wanted with: http-tasks rate clear KEY',
    },
  ];
}

/** Checks the Temporal server, its namespace, the workers and the schedules of sweeps. */
async function checkTemporal(io: Io, options: TemporalOptions): Promise<Finding[]> {
  try {
    return await withTemporal(io, options, async (client) => {
      const { namespace } = client.options;
      const reached: Finding = { check: 'temporal', state: 'ok', message: `reached, namespace ${namespace}` };
      const parts = [checkAttributes(client), checkWorkers(io, client), checkSchedules(client)];
      return [reached, ...(await Promise.all(parts)).flat()];
    });
  } catch (error) {
    return [{ check: 'temporal', state: 'fail', message: messageOf(error) }];
  }
}

async function checkAttributes(client: Client): Promise<Finding[]> {
  const check = 'searchAttributes';
  const { namespace } = client.options;
  try {
    const { missing, otherType } = await unusableSearchAttributes(client.connection.operatorService, namespace);
    if (otherType.length > 0)
      return [
        {
          check,
          state: 'fail',
          message: `${otherType.join(', ')} exist with another type than Keyword, so runs start without them`,
          toDo: `If nothing else uses it: temporal operator search-attribute remove --namespace ${namespace} --name ${otherType[0]}`,
        },
      ];
    if (missing.length === 0) return [{ check, state: 'ok', message: 'all exist' }];
    return [
      {
        check,
        state: 'warn',
        message: `${missing.join(', ')} do not exist yet; a worker creates them when it starts, if it may`,
      },
    ];
  } catch (error) {
    return [{ check, state: 'warn', message: `cannot be read: ${messageOf(error)}` }];
  }
}

async function checkWorkers({ env }: Io, client: Client): Promise<Finding[]> {
  const { taskQueue } = readQueueSettings(env);
  const { kind } = await serviceOf(client, taskQueue);
  if (kind === 'served') return [{ check: 'workers', state: 'ok', message: `poll the task queue ${taskQueue}` }];
  const message =
    kind === 'noWorker'
      ? `none polls the task queue ${taskQueue}`
      : `those of the task queue ${taskQueue} get no new workflows, because their version is not the current one`;
  return [{ check: 'workers', state: 'warn', message }];
}

async function checkSchedules(client: Client): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const { scheduleId, action } of client.schedule.list()) {
    if (action?.workflowType !== SWEEP_WORKFLOW) continue;
    const { description } = await findSchedule(client, scheduleId);
    findings.push(...findingsOf(await toScheduleDocument(client, description)));
  }
  return findings;
}

function findingsOf({ name, input, lastRuns, paused }: ScheduleDocument): Finding[] {
  const check = 'schedules';
  const { error } = parseOwnFields(offboardUsersInput, input);
  if (error) {
    const [issue] = error.issues;
    const message = `${name}: its input is refused by this version: ${issue?.path.join('.')} ${issue?.message}`;
    return [{ check, state: 'fail', message, toDo: 'Create the schedule again with http-tasks schedule create.' }];
  }
  const last = lastRuns.at(-1);
  if (last && BAD_ENDS.includes(last.status))
    return [
      {
        check,
        state: 'warn',
        message: `${name}: the last run ended ${inWords(last.status)}${last.why === undefined ? '' : ` (${last.why})`}`,
        toDo: `See: http-tasks sweep results ${last.workflowId} --failed`,
      },
    ];
  return [{ check, state: 'ok', message: `${name}: ${paused ? 'paused' : 'its input is valid'}` }];
}

/** One thing that was checked. */
interface Finding {
  /** What was checked: `node`, `packages`, `settings`, `ledger`, `holds`, `rates`, `temporal`, `searchAttributes`, … */
  check: string;
  /** `fail` for what stops a worker or loses its protection; `warn` for what an operator should know. */
  state: 'ok' | 'warn' | 'fail';
  message: string;
  /** What to do; absent where there is nothing to do. */
  toDo?: string;
}

/** The text of an error, for a finding. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

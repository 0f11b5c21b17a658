import { relative } from 'node:path';
import type { ProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import type { PreparedStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { demoUsersFrom, seedsFor } from '../demo/demo-users';
import { exportLines, KEY_AS_HERE, startsIn } from '../demo/run';
import { withLocalStack } from './local-stack';
import type { LocalStack } from './local-stack';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { startLines } from '../links/run';
import { findProviders, providerPaths } from '../providers/find-providers';
import { withInterruption } from '../terminal/interruption';
import { paint, print, printJson, printLines, say } from '../terminal/output';
import { readUserFile } from '../users/read-file';
import { isPortFree } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { DEV_ENVIRONMENT_FILE, settingWithoutNotation, writeDevEnvironment } from './dev-environment';

/** The options of `http-tasks dev`. */
export interface DevOptions {
  users: string;
  json: boolean;
  /** Ports that were named. */
  ports: { temporal?: number; ui?: number };
  /** Files and folders with provider files, instead of HTTP_TASKS_PROVIDERS. */
  providers?: string | undefined;
}

/** Starts server, simulators and worker, prints how to use them, and ends them when asked to. */
export async function runDev(io: Io, { users, json, ports, providers }: DevOptions): Promise<ExitCode> {
  const files = await findProviders(io, providers);
  const demoUsers = demoUsersFrom(await readUserFile(users, '--users'));
  const seeds = seedsFor(demoUsers);
  const [first] = demoUsers;
  if (!first) throw new CommandFailure('Failed', 'The file has no user to try anything with.');
  await refuseTakenPorts(ports);
  return withInterruption<ExitCode>(async ({ signal, wished }) =>
    withLocalStack<ExitCode>(
      {
        env: io.env,
        simulators: { plaid: { users: seeds.plaid }, batch: { users: seeds.batch } },
        providers: files.map((file) => ({ file })),
        providerPaths: providerPaths(io, providers),
        withUi: true,
        ports,
        usualPorts: true,
        workerEnv: { HTTP_TASKS_ALLOW_SENSITIVE: 'user_token' },
        report: (line) => say(io, line),
        signal,
      },
      async (stack) => {
        const starts = await startsIn(stack, demoUsers);
        const removeFile = writeDevEnvironment(process.cwd(), stack.settings);
        try {
          if (json) printJson(io, description(stack, first.input, starts));
          else
            printGuide(io, stack, { input: first.input, users, starts, files, isFileOurs: removeFile !== undefined });
          await wished;
        } finally {
          removeFile?.();
        }
        say(io, 'Stopping worker, simulators and server');
        return 0;
      },
    ),
  );
}

/** @throws Refusal for a port that was named and is taken. */
async function refuseTakenPorts({ temporal, ui }: DevOptions['ports']): Promise<void> {
  for (const [option, port] of [
    ['port', temporal],
    ['ui-port', ui],
  ] as const) {
    if (port !== undefined && !(await isPortFree(port)))
      throw new Refusal('Usage', `Port ${port} is in use. Name another with --${option}.`, option);
  }
}

function description(
  { address, uiUrl, encrypted, codecUrl, taskQueue, settings, simulators, others, workerLog }: LocalStack,
  input: OffboardUserInput,
  links: PreparedStarts,
): object {
  return {
    temporal: { address, namespace: 'default', taskQueue, uiUrl, encrypted, codecUrl },
    plaid: { url: simulators.plaid.url },
    batch: { url: simulators.batch.url },
    ...(others.length > 0 && { providers: others.map(({ provider, url }) => ({ provider, url })) }),
    settings,
    workerLog,
    links,
    example: { workflowType: 'offboardUser', taskQueue, input },
  };
}

/** Options that name a user by made-up IDs at a provider: its simulator knows every ID. */
function exampleIds({ provider: { name, ids } }: ProviderFile): string {
  const [first] = Object.entries(ids).filter(([, { list }]) => !list);
  const given = first ?? Object.entries(ids)[0];
  if (!given) return '';
  const [id, { type }] = given;
  return `--id ${name}.${id}=${type === 'integer' ? '1' : 'user-1'}`;
}

/** A filter of the Temporal UI. */
const NEEDS_ATTENTION = `OffboardingStatus IN ("partial","failed","held","paused","waitingForApproval","waitingForPerson")`;

/** The IDs of a user as options. */
function userOptions({ user, itemIds }: OffboardUserInput): string {
  const options: [flag: string, value: string | undefined][] = [
    ['--plaid-user-id', user.plaidUserId],
    ['--plaid-user-token', user.plaidUserToken],
    ['--batch-user-id', user.batchUserId],
    ['--item-ids', itemIds?.join(',')],
  ];
  return options.flatMap(([flag, value]) => (value === undefined ? [] : [`${flag} ${quoted(value)}`])).join(' ');
}

/** A path as it is shorter: from this folder, or as it was given. */
function shortPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.length < path.length ? fromHere : path;
}

interface Guide {
  input: OffboardUserInput;
  /** The file of the users whom the simulators know. */
  users: string;
  starts: PreparedStarts;
  /** The provider files that the worker has. */
  files: readonly ProviderFile[];
  /** Other commands in this folder find the settings. */
  isFileOurs: boolean;
}

function printGuide(io: Io, stack: LocalStack, { input, users, starts, files, isFileOurs }: Guide): void {
  const { uiUrl = '', codecUrl, encrypted, settings, simulators, others, taskQueue, address, workerLog } = stack;
  const json = quoted(JSON.stringify(input));
  const codec = codecUrl === undefined ? '' : ` --codec-endpoint ${codecUrl}`;
  const title = (text: string): void => printLines(io, `\n${paint(io, 'bold', text)}`);
  const lines = (...texts: string[]): void => texts.forEach((text) => print(io, `  ${text}`));
  title('Temporal UI');
  lines(
    uiUrl,
    `Runs that need attention: ${uiUrl}/namespaces/default/workflows?query=${encodeURIComponent(NEEDS_ATTENTION)}`,
  );
  if (isFileOurs) {
    title('In another terminal, in this folder');
    lines(`(settings are read from ${DEV_ENVIRONMENT_FILE})`);
  } else {
    const unwritten = settingWithoutNotation(settings);
    say(
      io,
      unwritten === undefined
        ? `${DEV_ENVIRONMENT_FILE} belongs to another development stack in this folder (http-tasks dev), so it was not replaced.`
        : `${DEV_ENVIRONMENT_FILE} was not written: the value of ${unwritten} has a quote together with other characters that shells and ` +
            'env files read differently. Start http-tasks dev in a folder with a plainer name to get the file.',
    );
    title(unwritten === undefined ? 'In another terminal, in another folder' : 'In another terminal');
    lines(...exportLines(settings));
  }
  if (encrypted) lines(KEY_AS_HERE);
  lines(
    'http-tasks offboard --reason OTHER --dry-run \\',
    `  ${userOptions(input)}`,
    ...files.map((file) => `http-tasks offboard ${exampleIds(file)} --reason OTHER --dry-run`),
    'http-tasks list-runs     # what ran, and how it ended',
    'http-tasks sweep --reason OTHER --dry-run --watch \\',
    `  --source ${quoted(shortPath(users))}`,
    'http-tasks console       # the same in the browser',
    'Without --dry-run, the commands show what will be deleted, and ask.',
  );
  title("With Temporal's own command line");
  lines(
    `temporal workflow start --address ${address}${codec} \\`,
    `  --type offboardUser --task-queue ${taskQueue} --workflow-id try-1 \\`,
    `  --input ${json}`,
  );
  title('In the Temporal UI: open a link, enter a workflow ID, press Start. The examples are dry runs.');
  lines(...startLines(starts));
  title('State of the simulated providers');
  lines(...[simulators.plaid, simulators.batch, ...others].map(({ url }) => `${url}/__sim/state`));
  title("The worker's log");
  lines(workerLog);
  print(io, '');
  say(io, 'Ctrl-C stops worker, simulators and server.');
}

import type { PreparedStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { castFrom } from '../demo/cast';
import { exportLines, KEY_AS_HERE } from '../demo/kept';
import { seedsFor } from '../demo/seeds';
import { startsIn } from '../demo/starts';
import { CommandFailure } from '../errors';
import { withInterruption } from '../interruption';
import type { ExitCode, Io } from '../io';
import { withLocalStack } from '../local-stack';
import type { LocalStack } from '../local-stack';
import { paint, print, printJson, printLines, say } from '../output';
import { quoted } from 'temporal-http-tasks/internal/policy/quoted';
import { readUserFile } from '../read-user-file';
import { startLines } from '../start-links';

/** Brings everything up, says how to use it, and ends it when asked to. */
export async function runDev(io: Io, { users, json }: { users: string; json: boolean }): Promise<ExitCode> {
  const cast = castFrom(await readUserFile(users, '--users'));
  const seeds = seedsFor(cast);
  const [first] = cast;
  if (!first) throw new CommandFailure('Failed', 'There is no user to try anything with.');
  return withInterruption<ExitCode>(async ({ signal, wished }) =>
    withLocalStack<ExitCode>(
      {
        env: io.env,
        simulators: { plaid: { users: seeds.plaid }, batch: { users: seeds.batch } },
        withUi: true,
        workerEnv: { HTTP_TASKS_ALLOW_SENSITIVE: 'user_token' },
        report: (line) => say(io, line),
        signal,
      },
      async (stack) => {
        const starts = await startsIn(stack, cast);
        if (json) printJson(io, description(stack, first.input, starts));
        else printGuide(io, stack, first.input, starts);
        await wished;
        say(io, 'Stopping worker, simulators and server');
        return 0;
      },
    ),
  );
}

function description(
  { address, uiUrl, encrypted, codecUrl, taskQueue, settings, simulators, workerLog }: LocalStack,
  input: OffboardUserInput,
  links: PreparedStarts,
): object {
  return {
    temporal: { address, namespace: 'default', taskQueue, uiUrl, encrypted, codecUrl },
    plaid: { url: simulators.plaid.url },
    batch: { url: simulators.batch.url },
    settings,
    workerLog,
    links,
    example: { workflowType: 'offboardUser', taskQueue, input },
  };
}

function printGuide(io: Io, stack: LocalStack, input: OffboardUserInput, starts: PreparedStarts): void {
  const { uiUrl = '', codecUrl, encrypted, settings, simulators, taskQueue, address, workerLog } = stack;
  const json = JSON.stringify(input);
  const codec = codecUrl === undefined ? '' : ` --codec-endpoint ${codecUrl}`;
  const title = (text: string): void => printLines(io, `\n${paint(io, 'bold', text)}`);
  const lines = (...texts: string[]): void => texts.forEach((text) => print(io, `  ${text}`));
  title('Temporal UI');
  lines(uiUrl);
  title('Settings for another terminal');
  lines(...exportLines(settings));
  if (encrypted) lines(KEY_AS_HERE);
  title('Off-board somebody there');
  lines(`http-tasks offboard --input ${quoted(json)}`, 'http-tasks receipts WORKFLOW_ID');
  title('Try calls and watch runs on a page');
  lines(`HTTP_TASKS_TEMPORAL_UI=${uiUrl} http-tasks console`);
  title('Or without our command line');
  lines(
    `temporal workflow start --address ${address}${codec} --type offboardUser --task-queue ${taskQueue} --workflow-id try-1 --input ${quoted(json)}`,
  );
  title('Or in the UI: open one of these, give it an id and press Start; as they stand they change nothing');
  lines(...startLines(starts));
  title('What the providers hold');
  lines(`${simulators.plaid.url}/__sim/state`, `${simulators.batch.url}/__sim/state`);
  title("The worker's log");
  lines(workerLog);
  print(io, '');
  say(io, 'Ctrl-C stops worker, simulators and server.');
}

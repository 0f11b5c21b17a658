import { randomBytes } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import type { RunCommand } from '@temporal-http-tasks/console/internal/gateway/parts';
import { isThisMachine, startGateway } from '@temporal-http-tasks/console/internal/gateway/start-gateway';
import type { RunningGateway } from '@temporal-http-tasks/console/internal/gateway/start-gateway';
import { parseGatewayOrigin, readGatewaySettings } from 'temporal-http-tasks/internal/config/console-settings';
import { parseOrigin } from 'temporal-http-tasks/internal/config/origins';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { packageVersion } from 'temporal-http-tasks/internal/package-version';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { wholeNumber } from '../program/command';
import { findProviders } from '../providers/find-providers';
import type { ProvidersOptions } from '../users/options';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { openApiTasks, openApiWords } from '../tasks/openapi-tasks';
import type { OpenApiTasksOptions } from '../tasks/openapi-tasks';
import { keepTemporal } from '../temporal/client';
import { asCommandFailure } from '../temporal/failure';
import { temporalEnv } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { withInterruption } from '../terminal/interruption';
import { print, printJson, say } from '../terminal/output';

/** The options of `http-tasks console`. */
export interface ConsoleOptions extends ProvidersOptions, TemporalOptions, OpenApiTasksOptions {
  port?: string;
  host?: string;
  publicUrl?: string;
  allowOrigin?: string[];
  otherGateway?: string[];
}

const MAX_PORT = 65_535;
const TOKEN_BYTES = 24;
const IN_CLEAR =
  'It listens beyond this machine without TLS: put TLS in front of it and name the address with --public-url ' +
  'https://…; token and keys travel in clear text otherwise.';

/** Serves the console until it is stopped; it then waits for calls in progress. */
export async function runConsole(io: Io, options: ConsoleOptions & { port: string }): Promise<ExitCode> {
  const { host = '127.0.0.1', port, json = false } = options;
  // An empty one would be every address of this machine.
  if (host === '') throw new Refusal('Usage', '--host must not be empty.', 'host');
  const address = { host, port: wholeNumber('--port', port, { min: 0, max: MAX_PORT }) };
  const publicUrl = options.publicUrl === undefined ? undefined : originOf('--public-url', options.publicUrl);
  const allowOrigins = (options.allowOrigin ?? []).map((origin) => originOf('--allow-origin', origin));
  const otherGateways = (options.otherGateway ?? []).map((url) => originOf('--other-gateway', url, parseGatewayOrigin));
  const tasks = [...CATALOGUE, ...(await openApiTasks(io, options))];
  const providers = (await findProviders(io, options.providers)).map(({ provider }) => provider);
  const { taskQueue } = readQueueSettings(io.env);
  const temporal = keepTemporal(io, options);
  const { token: given, ui } = readGatewaySettings(io.env, temporal.address);
  const token = given ?? randomBytes(TOKEN_BYTES).toString('base64url');
  try {
    return await withInterruption<ExitCode>(async ({ wished }) => {
      const gateway = await listen(() =>
        startGateway(address, {
          env: io.env,
          tasks,
          providers,
          documentOptions: openApiWords(options),
          runCommand: commandsOf(io, options),
          taskQueue,
          temporal: {
            ...temporal,
            ...(ui !== undefined && { ui }),
            explain: (error) => explained(error, temporal.where),
          },
          version: packageVersion(),
          allowOrigins,
          otherGateways,
          token,
          ...(publicUrl !== undefined && { publicUrl }),
          report: (line) => say(io, line),
        }),
      );
      if (!isThisMachine(host) && !isEncrypted(publicUrl)) say(io, IN_CLEAR);
      announce(io, { url: publicUrl ?? gateway.url, json, ...(given === undefined && { made: token }) });
      await wished;
      say(io, 'Stopping, after the calls in progress');
      await gateway.close();
      return 0;
    });
  } finally {
    await temporal.close();
  }
}

/**
 * Returns how the gateway runs other commands: in this process, without a terminal, so that they refuse what they refuse
 * in a script, with the connection and the provider files of the console.
 */
function commandsOf(io: Io, options: ConsoleOptions): RunCommand {
  const { run } = io;
  const own = {
    ...temporalEnv(options),
    ...(options.providers !== undefined && { HTTP_TASKS_PROVIDERS: options.providers }),
  };
  return async (args, { env, input, output }) => {
    if (!run) throw new Error('Commands can be run only by a command.');
    const [stdout, stderr] = [new Collected(), new Collected()];
    const exitCode = await run(args, {
      env: { ...env, ...own },
      // Neither is a terminal, so that nothing is asked.
      stdin: Readable.from(input === undefined ? [] : [input]) as unknown as Io['stdin'],
      stdout: (output ?? stdout) as unknown as Io['stdout'],
      stderr: stderr as unknown as Io['stderr'],
      exitCode: 0,
      howToConfirm: 'Type production to start it anyway. Nothing was started.',
      run,
    });
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  };
}

class Collected extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

function originOf(option: string, text: string, parse: (text: string) => URL | string = parseOrigin): string {
  const origin = parse(text.replace(/\/$/, ''));
  if (typeof origin !== 'string') return origin.origin;
  throw new Refusal('Usage', `${option} ${origin}`);
}

async function listen(start: () => Promise<RunningGateway>): Promise<RunningGateway> {
  try {
    return await start();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    const why = code === 'EADDRINUSE' ? 'the port is taken; choose another with --port, or 0 for any free one' : code;
    throw new CommandFailure('Failed', `The console cannot listen: ${why}.`);
  }
}

function explained(error: unknown, where: string): string | undefined {
  const known = asCommandFailure(error, where);
  return known instanceof CommandFailure ? known.message : undefined;
}

function isEncrypted(publicUrl: string | undefined): boolean {
  return publicUrl?.startsWith('https:') === true;
}

/**
 * Prints the page's URL, with the token that was created for this run after `#`, so that it reaches no server and no
 * log. A token from the settings is not printed.
 */
function announce(io: Io, { url, made, json }: { url: string; made?: string; json: boolean }): void {
  if (json) printJson(io, { url, ...(made !== undefined && { token: made }) });
  else print(io, made === undefined ? url : `${url}/#token=${made}`);
  say(
    io,
    made === undefined
      ? 'The page asks for the token in HTTP_TASKS_CONSOLE_TOKEN.'
      : 'The link contains the token of this run.',
  );
  say(io, 'Ctrl-C stops it.');
}

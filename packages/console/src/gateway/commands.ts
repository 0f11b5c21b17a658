import { Readable, Transform } from 'node:stream';
import type { Writable } from 'node:stream';
import { GatewayRefusal } from './http-error';
import type { RefusalStatus } from './http-error';
import type { CommandEnd, GatewayParts } from './parts';
import { UNKNOWN_PLACE } from './confirmation';

/** The document of a command, and the warnings and advice that it printed besides. */
export interface CommandResponse<T> {
  document: T;
  said: string[];
}

/** A command to run: its name first, then options, then arguments of people. */
export interface CommandLine {
  command: readonly string[];
  /** By name without `--`; undefined and false are left out, a list is repeated. */
  options?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  /** Arguments that must not be taken for options. */
  operands?: readonly string[];
  /** Standard input: the option that takes it, and its name in messages. */
  input?: { option: string; name: string; bytes: Uint8Array };
}

/**
 * Runs a command with `--json` and returns its document.
 *
 * @throws GatewayRefusal with the message of the command if it was refused or failed.
 */
export async function runJson<T>(parts: GatewayParts, line: CommandLine): Promise<CommandResponse<T>> {
  const { stdout, stderr } = await run(parts, { ...line, options: { ...line.options, json: true } });
  const document = parsed(stdout, line.input);
  if (isFailure(document)) throw refusalOf(document.error, linesOf(stderr));
  return { document: document as T, said: linesOf(stderr) };
}

/**
 * Runs a command that prints a file.
 *
 * @throws GatewayRefusal with the message of the command unless it printed the whole file.
 */
export async function runForText(parts: GatewayParts, line: CommandLine): Promise<string> {
  const end = await run(parts, line);
  if (end.exitCode === 0) return end.stdout;
  throw failureOf(end);
}

/**
 * Runs a command that prints a file of any length; the stream has what it prints, and fails if the command fails later.
 *
 * @throws GatewayRefusal with the message of the command if it failed before it printed anything.
 */
export async function runForStream(parts: GatewayParts, line: CommandLine): Promise<ReadableStream> {
  let begin = (): void => undefined;
  const begun = new Promise<undefined>((resolve) => {
    begin = () => resolve(undefined);
  });
  const output = new Transform({
    transform: (chunk, _encoding, done) => {
      begin();
      done(undefined, chunk);
    },
  });
  // Reported to the reader of the stream.
  output.on('error', () => undefined);
  const ended = run(parts, line, output);
  void ended.then(
    (end) => (end.exitCode === 0 ? output.end() : output.destroy(failureOf(end))),
    (error: Error) => output.destroy(error),
  );
  const end = await Promise.race([begun, ended]);
  if (end !== undefined && end.exitCode !== 0) throw failureOf(end);
  return Readable.toWeb(output) as ReadableStream;
}

function failureOf({ exitCode, stderr }: CommandEnd): GatewayRefusal {
  return new GatewayRefusal(exitCode === 2 ? 400 : 409, 'Failed', linesOf(stderr).join(' '));
}

async function run(
  parts: GatewayParts,
  { command, options = {}, operands = [], input }: CommandLine,
  output?: Writable,
): Promise<CommandEnd> {
  const { runCommand, secrets } = parts;
  if (!runCommand)
    throw new GatewayRefusal(
      503,
      'NoCommands',
      'This gateway was not started by http-tasks console, so it has no commands for this.',
    );
  const words = Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    if (value === true) return [`--${name}`];
    const values = typeof value === 'object' ? value : [String(value)];
    return values.map((one) => `--${name}=${one}`);
  });
  return runCommand([...command, ...words, ...(operands.length > 0 ? ['--', ...operands] : [])], {
    env: secrets.env,
    input: input?.bytes,
    output,
  });
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Reads a document. Where it names the option of the standard input, a person chose a file. */
function parsed(stdout: string, input: CommandLine['input']): unknown {
  const named = (_: string, value: unknown): unknown =>
    input && typeof value === 'string' ? value.replace(`${input.option}:`, () => `${input.name}:`) : value;
  try {
    return JSON.parse(stdout, named);
  } catch {
    throw new GatewayRefusal(500, 'Failed', 'The command printed no document; its own output says more.');
  }
}

interface CommandFailure {
  error: { type: string; message: string; field?: string };
}

function isFailure(document: unknown): document is CommandFailure {
  return typeof document === 'object' && document !== null && 'error' in document;
}

/** Statuses of refusals that are not about the input. */
const STATUS: Readonly<Record<string, RefusalStatus>> = {
  'Task.NotAllowed': 403,
  NotFound: 404,
  Settings: 409,
  Conflict: 409,
  Refused: 409,
  Released: 409,
  Interrupted: 409,
  RunEnded: 409,
  Failed: 409,
  NoWorker: 503,
  TemporalUnavailable: 503,
  'Task.LedgerUnavailable': 503,
  SourceUnavailable: 503,
};

/** A row of a file that is wrong, as commands report it before they refuse the file. */
const BAD_ROW = /^line \d+: /;
const MOST_ROWS = 100;

function refusalOf({ type, message, field }: CommandFailure['error'], lines: readonly string[]): GatewayRefusal {
  // It is not known whether this goes to production, or the workers of production came meanwhile.
  if (type === 'Usage' && field === 'yes')
    return new GatewayRefusal(409, 'ConfirmationNeeded', message, { needed: { environment: UNKNOWN_PLACE } });
  const rows = lines.filter((line) => BAD_ROW.test(line)).slice(0, MOST_ROWS);
  return new GatewayRefusal(STATUS[type] ?? 400, type, message, {
    ...(field !== undefined && { field }),
    ...(rows.length > 0 && { rows }),
  });
}

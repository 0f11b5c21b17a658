import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { CodecEndpoints } from '../codec/codec-endpoints';
import type { CodecServer } from '../codec/codec-server';
import { parseOrigin } from '../config/base-url';
import { requireEncryptionSettings } from '../config/encryption-settings';
import { addCommand, literalOption, onRun, wholeNumber } from './command';
import type { CommonOptions } from './command';
import { CommandFailure, Refusal } from './errors';
import { withInterruption } from './interruption';
import type { Io } from './io';
import { print, printJson, say } from './output';

interface CodecServerOptions extends CommonOptions {
  port?: string;
  uiOrigin?: string;
  tokenFile?: string;
}

const DEFAULT_PORT = '8888';
const DEFAULT_UI_ORIGIN = 'http://localhost:8233';
const MAX_PORT = 65_535;
const MIN_TOKEN_CHARACTERS = 16;

/** `http-tasks codec-server`: lets the Temporal UI and command line read and make encrypted payloads. */
export function registerCodecServerCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'codec-server',
    summary: 'let the Temporal UI and command line read encrypted payloads',
    description: [
      'Serves /encode and /decode on this machine only, with the keys of HTTP_TASKS_ENCRYPTION_KEY, until it is stopped. Of web',
      'pages only the Temporal UI may call it, and with --token-file only who sends "Authorization: Bearer TOKEN"; without it,',
      'every program on this machine may. A port of 0 takes any free one.',
    ].join(' '),
    examples: [
      'http-tasks codec-server',
      'http-tasks codec-server --port 8888 --ui-origin http://localhost:8233 --token-file codec-token',
      'temporal workflow show --workflow-id WORKFLOW_ID --codec-endpoint http://127.0.0.1:8888',
    ],
  });
  command
    .addOption(literalOption('--port <port>', `where it listens (else ${DEFAULT_PORT})`))
    .addOption(literalOption('--ui-origin <origins>', `scheme, host and port of the Temporal UI, several with commas (else ${DEFAULT_UI_ORIGIN})`))
    .addOption(literalOption('--token-file <file>', 'a file with the token that callers have to send'));
  onRun<CodecServerOptions>(command, io, (options) => serveCodec(io, options));
}

async function serveCodec(io: Io, { port = DEFAULT_PORT, uiOrigin = DEFAULT_UI_ORIGIN, tokenFile, json = false }: CodecServerOptions): Promise<0> {
  const { keys } = requireEncryptionSettings(io.env);
  const wantedPort = wholeNumber('--port', port, { min: 0, max: MAX_PORT });
  const uiOrigins = uiOrigin.split(',').map(originOf);
  const token = tokenFile === undefined ? undefined : readToken(tokenFile);
  const [{ EncryptionCodec }, { CodecEndpoints }, { requiringToken }] = await Promise.all([
    import('../codec/encryption-codec.js'),
    import('../codec/codec-endpoints.js'),
    import('../codec/bearer-token.js'),
  ]);
  const endpoints = new CodecEndpoints({
    codec: new EncryptionCodec(keys),
    uiOrigins,
    ...(token !== undefined && { authorize: requiringToken(token) }),
  });
  await withInterruption(async ({ wished }) => {
    const server = await start(endpoints, wantedPort);
    announce(io, server.url, { uiOrigins, hasToken: token !== undefined, json });
    await wished;
    await server.close();
  });
  return 0;
}

function originOf(text: string): string {
  const origin = parseOrigin(text.trim());
  if (typeof origin === 'string') throw new Refusal('Usage', `--ui-origin ${origin}`);
  return origin.origin;
}

function readToken(file: string): string {
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch {
    throw new Refusal('Usage', `--token-file: the file ${file} cannot be read.`);
  }
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= MIN_TOKEN_CHARACTERS) return token;
  throw new Refusal('Usage', `--token-file: the token in ${file} must have ${MIN_TOKEN_CHARACTERS} or more printable ASCII characters and no space.`);
}

async function start(endpoints: CodecEndpoints, port: number): Promise<CodecServer> {
  const { startCodecServer } = await import('../codec/codec-server.js');
  try {
    return await startCodecServer(endpoints, port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EACCES' ? 'may not be used by this user' : 'is taken by another process';
    throw new CommandFailure('Failed', `Port ${port} ${why}; choose another with --port (0: any).`);
  }
}

function announce(io: Io, url: string, { uiOrigins, hasToken, json }: { uiOrigins: readonly string[]; hasToken: boolean; json: boolean }): void {
  if (json) printJson(io, { url, uiOrigins, token: hasToken });
  else {
    print(io, `Temporal UI:  the glasses at the top right, or temporal server start-dev --ui-codec-endpoint ${url}`);
    print(io, `Temporal CLI: --codec-endpoint ${url}${hasToken ? ' --codec-auth "Bearer TOKEN"' : ''}`);
    print(io, `Web pages of ${uiOrigins.join(', ')} may call it.`);
  }
  if (!hasToken) say(io, 'Every program on this machine can decrypt with it; --token-file asks for a token.');
  say(io, 'Ctrl-C stops it.');
}

import type { RequestHandler } from 'temporal-http-tasks/internal/codec/codec-handler';
import type { CodecServer, CodecServerOptions } from 'temporal-http-tasks/internal/codec/codec-server';
import { requireEncryptionSettings } from 'temporal-http-tasks/internal/config/encryption-settings';
import { isLoopback, parseOrigin } from 'temporal-http-tasks/internal/config/origins';
import { defineCommand, flag, literalOption, wholeNumber } from '../program/command';
import type { CommonOptions } from '../program/command';
import type { AccessOptions } from './access';
import { CommandFailure, Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import { withInterruption } from '../terminal/interruption';
import { print, printJson, say } from '../terminal/output';

interface CodecCommandOptions extends CommonOptions, AccessOptions {
  port?: string;
  listen?: string;
  uiOrigin?: string;
  hostName?: string;
}

const DEFAULT_PORT = '8888';
const DEFAULT_LISTEN = '127.0.0.1';
const DEFAULT_UI_ORIGIN = 'http://localhost:8233';
const MAX_PORT = 65_535;

/** `http-tasks codec-server`: lets the Temporal UI and command line decrypt and encrypt payloads. */
export const codecServerCommand = defineCommand<CodecCommandOptions>({
  description: [
    'Serves /encode and /decode with the keys of HTTP_TASKS_ENCRYPTION_KEY until it is stopped, on this machine only unless',
    '--listen says otherwise. Of web pages only the Temporal UI may call it. With --token-file callers have to send "Authorization:',
    'Bearer TOKEN"; with --ask-temporal the Temporal server has to let them read the namespace; without either, every',
    'program on this machine may call it. Port 0 selects any free port.',
  ].join(' '),
  examples: [
    'http-tasks codec-server',
    'http-tasks codec-server --port 8888 --ui-origin http://localhost:8233 --token-file codec-token',
    'http-tasks codec-server --listen 0.0.0.0 --host-name codec.example.com --ui-origin https://temporal.example.com --ask-temporal',
    'temporal workflow show --workflow-id WORKFLOW_ID --codec-endpoint http://127.0.0.1:8888',
  ],
  options: [
    literalOption('--port <port>', `where it listens (else ${DEFAULT_PORT})`),
    literalOption(
      '--listen <address>',
      `the address on which it listens (else ${DEFAULT_LISTEN}); any beyond this machine needs one of the two checks`,
    ),
    literalOption('--host-name <names>', 'names by which callers reach it besides localhost, separated by commas'),
    literalOption(
      '--ui-origin <origins>',
      `scheme, host and port of the Temporal UI, several with commas (else ${DEFAULT_UI_ORIGIN})`,
    ),
    literalOption('--token-file <file>', 'a file with the token that callers have to send'),
    flag(
      '--ask-temporal',
      'forward the login of a caller to the Temporal server, and accept it if it may read the namespace',
    ),
    TEMPORAL_OPTIONS,
  ],
  run: (io, options) => serveCodec(io, options),
});

async function serveCodec(io: Io, options: CodecCommandOptions): Promise<0> {
  const {
    port = DEFAULT_PORT,
    uiOrigin = DEFAULT_UI_ORIGIN,
    hostName,
    listen = DEFAULT_LISTEN,
    json = false,
  } = options;
  const { keys } = requireEncryptionSettings(io.env);
  const wanted = { port: wholeNumber('--port', port, { min: 0, max: MAX_PORT }), address: listen };
  const listensAs = hostOfAddress(listen);
  const uiOrigins = uiOrigin.split(',').map(originOf);
  const hostNames = [listensAs, ...(hostName?.split(',').map(hostNameOf) ?? [])];
  const [{ EncryptionCodec }, { createCodecHandler }, { openAccess }] = await Promise.all([
    import('temporal-http-tasks/internal/codec/encryption-codec'),
    import('temporal-http-tasks/internal/codec/codec-handler'),
    import('./access.js'),
  ]);
  const access = await openAccess(io, options, { onlyHere: isLoopback(listensAs) });
  const { authorize } = access;
  try {
    const handler = createCodecHandler({
      codec: new EncryptionCodec(keys),
      uiOrigins,
      hostNames,
      ...(authorize && { authorize }),
    });
    await withInterruption(async ({ wished }) => {
      const server = await start(handler, wanted);
      announce(io, server.url, { uiOrigins, isChecked: authorize !== undefined, json });
      await wished;
      await server.close();
    });
  } finally {
    await access.close();
  }
  return 0;
}

function originOf(text: string): string {
  const origin = parseOrigin(text.trim());
  if (typeof origin === 'string') throw new Refusal('Usage', `--ui-origin ${origin}`);
  return origin.origin;
}

/** Returns a host as in a URL: an IPv6 address in brackets. */
function hostOfAddress(address: string): string {
  const url = `http://${address.includes(':') ? `[${address}]` : address}`;
  if (/^[A-Za-z0-9.:-]+$/.test(address) && URL.canParse(url)) return new URL(url).hostname;
  throw new Refusal('Usage', `--listen takes an address of this machine, such as 127.0.0.1 or ::1, not "${address}".`);
}

function hostNameOf(text: string): string {
  const name = text.trim().toLowerCase();
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) return name;
  throw new Refusal(
    'Usage',
    `--host-name takes names such as codec.example.com, without scheme, port and path, not "${text}".`,
  );
}

async function start(handler: RequestHandler, options: Required<CodecServerOptions>): Promise<CodecServer> {
  const { startCodecServer } = await import('temporal-http-tasks/internal/codec/codec-server');
  try {
    return await startCodecServer(handler, options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTFOUND' || code === 'EADDRNOTAVAIL')
      throw new CommandFailure('Failed', `This machine has no address ${options.address} (--listen).`);
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EACCES' ? 'may not be used by this user' : 'is taken by another process';
    throw new CommandFailure('Failed', `Port ${options.port} ${why}; choose another with --port (0: any).`);
  }
}

function announce(
  io: Io,
  url: string,
  { uiOrigins, isChecked, json }: { uiOrigins: readonly string[]; isChecked: boolean; json: boolean },
): void {
  if (json) printJson(io, { url, uiOrigins, checked: isChecked });
  else {
    print(io, `Temporal UI:  enter ${url} under the glasses at the top right`);
    print(io, `For all users of a server: temporal server start-dev --ui-codec-endpoint ${url}`);
    print(io, `Temporal CLI: --codec-endpoint ${url}${isChecked ? ' --codec-auth "Bearer TOKEN"' : ''}`);
    print(io, `Web pages of ${uiOrigins.join(', ')} may call it.`);
  }
  if (!isChecked) say(io, 'Every program on this machine can decrypt with it; --token-file requires a token.');
  say(io, 'Ctrl-C stops it.');
}

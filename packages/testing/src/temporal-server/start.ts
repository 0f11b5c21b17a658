import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { childEnvironment } from './child-environment';
import { OwnedProcess } from './owned-process';

/** Options of a dev server; by default it is private to this machine and this run. */
export interface StartTemporalServerOptions {
  /** Path of the executable, from `findTemporalServer`. */
  readonly binary: string;
  /** Port of the frontend. @default a free port */
  readonly port?: number;
  /** Port of the web UI; `free` picks one. @default no UI */
  readonly uiPort?: number | 'free';
  /** Ports that are used where they are free and no other port is named. @default free ports */
  readonly usualPorts?: { readonly frontend: number; readonly ui: number };
  /** URL of the codec server for the UI. @default none */
  readonly uiCodecEndpoint?: string;
  /** File that stores workflows between runs. @default in memory */
  readonly dbFilename?: string;
  /** @default `default` */
  readonly namespace?: string;
  /** Dynamic configuration by key, such as `nexusoperation.enableStandalone`, besides those that let it look at its queues without waiting. */
  readonly dynamicConfig?: Readonly<Record<string, string | number | boolean>>;
  /** File for the server's output. @default a temporary file that is removed at the end */
  readonly logFile?: string;
}

/** A running dev server that this process owns. */
export interface RunningTemporalServer {
  /** `host:port` of the frontend, for a Connection. */
  readonly address: string;
  /** URL of the UI, if requested. */
  readonly uiUrl?: string;
  readonly pid: number;
  /** Ends the server (kills it after 10 s) and returns once it has ended; safe to call again. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

/**
 * A server looks at each shard's queue of tasks at most 20 times a second. One for development has a single shard, so that
 * each step of a run on its own would wait for 40 ms.
 */
const WITHOUT_WAITING = {
  'history.transferProcessorMaxPollRPS': 2_000,
  'history.timerProcessorMaxPollRPS': 2_000,
  'history.queueProcessorMaxPollHostRPS': 20_000,
};

const READY_MS = 30_000;

/** What a server prints once it has its ports, and for how long, in milliseconds, one that responds without it is not believed. */
const STARTED = /^(Temporal )?Server: /m;
const UNSAID_MS = 3_000;

const ATTEMPTS = 4;

/**
 * Starts a Temporal dev server on the loopback interface; returns when its frontend serves the namespace. It ends with
 * `stop()` and whenever this process ends. If another process takes a free port before the server binds it, the start
 * is repeated with other ports, up to three times.
 */
export async function startTemporalServer(options: StartTemporalServerOptions): Promise<RunningTemporalServer> {
  for (let attempt = 1; ; attempt++) {
    const usual = attempt === 1 ? options.usualPorts : undefined;
    const port = options.port ?? (await portLike(usual?.frontend));
    const uiPort = options.uiPort === 'free' ? await portLike(usual?.ui) : options.uiPort;
    const server = await OwnedProcess.start({
      command: options.binary,
      args: serverArguments(options, port, uiPort),
      env: childEnvironment(process.env),
      ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    });
    const address = `${HOST}:${port}`;
    try {
      await untilReady(server, address, options.namespace ?? 'default');
      return {
        address,
        ...(uiPort === undefined ? {} : { uiUrl: `http://${HOST}:${uiPort}` }),
        pid: server.pid,
        stop: () => server.stop(),
      };
    } catch (error) {
      const printed = await server.logTail();
      const endedByItself = !server.running;
      await server.stop();
      const choseAPort = options.port === undefined || options.uiPort === 'free';
      if (endedByItself && choseAPort && attempt < ATTEMPTS) continue;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`The Temporal server ${options.binary} did not start: ${reason}\n${printed}`, { cause: error });
    }
  }
}

function serverArguments(options: StartTemporalServerOptions, port: number, uiPort: number | undefined): string[] {
  const dynamicConfig = Object.entries({ ...WITHOUT_WAITING, ...options.dynamicConfig });
  return [
    ...['server', 'start-dev', '--ip', HOST, '--port', String(port), '--log-level', 'warn'],
    ...(uiPort === undefined
      ? ['--headless']
      : ['--ui-ip', HOST, '--ui-port', String(uiPort), '--ui-disable-news-fetch']),
    ...(options.uiCodecEndpoint === undefined ? [] : ['--ui-codec-endpoint', options.uiCodecEndpoint]),
    ...(options.dbFilename === undefined ? [] : ['--db-filename', options.dbFilename]),
    ...(options.namespace === undefined ? [] : ['--namespace', options.namespace]),
    ...dynamicConfig.flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${JSON.stringify(value)}`]),
  ];
}

async function untilReady(server: OwnedProcess, address: string, namespace: string): Promise<void> {
  const deadline = Date.now() + READY_MS;
  let lastError: unknown;
  let respondedAtMs: number | undefined;
  while (server.running && Date.now() < deadline) {
    try {
      await askFrontend(address, namespace);
      respondedAtMs ??= Date.now();
      // If another Temporal server has the port, it responds while ours is still starting, or ending.
      const isStarted = STARTED.test(await server.logTail()) || Date.now() - respondedAtMs > UNSAID_MS;
      await delay(20);
      if (isStarted && server.running) return;
    } catch (error) {
      lastError = error;
      await delay(25);
    }
  }
  throw new Error(server.running ? `no response within ${READY_MS / 1000} s` : 'it ended immediately', {
    cause: lastError,
  });
}

async function askFrontend(address: string, namespace: string): Promise<void> {
  // gRPC waits a second and more between attempts; a plain socket fails immediately.
  await acceptsConnections(address);
  // Not Connection.connect, which leaves its channel open on failure and so keeps this process alive.
  const connection = Connection.lazy({ address });
  try {
    await connection.withDeadline(Date.now() + 2_000, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } finally {
    await connection.close();
  }
}

async function acceptsConnections(address: string): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

/** Returns the usual port if it was free a moment ago, or else another one that was. */
async function portLike(usual: number | undefined): Promise<number> {
  return usual !== undefined && (await isPortFree(usual)) ? usual : freePort();
}

/** Returns a port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const port = await listenOn(0);
  if (port === undefined) throw new Error('There is no free port');
  return port;
}

/** Whether nothing listened on this port of the loopback interface a moment ago. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await listenOn(port)) === port;
}

/** Listens on a port for a moment and returns it; undefined if it is taken. */
async function listenOn(port: number): Promise<number | undefined> {
  const server = createServer();
  server.listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch {
    return undefined;
  }
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return bound === null || typeof bound === 'string' ? undefined : bound.port;
}

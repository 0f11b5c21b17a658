import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulators } from '../simulators/start-simulators';
import type { Simulators, SimulatorsOptions } from '../simulators/start-simulators';
import { startTemporalServer } from '../temporal-server/start';
import type { RunningTemporalServer, StartTemporalServerOptions } from '../temporal-server/start';
import { simulatorSettings } from './simulator-settings';

/** What has been opened. Ends the last first; also when one of them cannot be ended, the others are. */
export class Opened {
  readonly #ends: (() => Promise<unknown>)[] = [];

  constructor(private readonly report: (line: string) => void) {}

  add(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse())
      await end().catch((error: unknown) => this.report(`While ending: ${String(error)}`));
  }
}

/** What a stage is opened with. */
export interface StageOptions {
  /** The executable of the Temporal server, from `findTemporalServer`. */
  binary: string;
  /** How the server is started, given the stage's folder. */
  server?: (folder: string) => Omit<StartTemporalServerOptions, 'binary'>;
  simulators: SimulatorsOptions;
  /** Gives the simulators the ports of `http-tasks simulate` where these are free. @default false */
  usualPorts?: boolean | undefined;
  /** Where the ledger is. @default an embedded one in the stage's folder */
  ledgerUrl?: string | undefined;
}

/** A Temporal server, both simulators and a folder, on this machine; workers are the caller's. */
export interface Stage {
  /** Removed at the end, also when something ends the process. */
  folder: string;
  server: RunningTemporalServer;
  simulators: Simulators;
  /** Settings under which a worker or a command uses all of this and nothing else; all keys are invented. */
  settings: Readonly<Record<string, string>>;
  /** Ends the server and starts it again with the same options. */
  restartServer: () => Promise<void>;
}

/** Opens a stage. What was opened before a failure is in `opened` as well. */
export async function openStage(opened: Opened, options: StageOptions): Promise<Stage> {
  const { binary, server: serverOptions, simulators: simulatorOptions, ledgerUrl } = options;
  const folder = await openFolder(opened);
  const start = (): Promise<RunningTemporalServer> => startTemporalServer({ ...serverOptions?.(folder), binary });
  let server = await start();
  opened.add(() => server.stop());
  const simulators = await startSimulatorsOn(simulatorOptions, options.usualPorts ?? false);
  opened.add(() => simulators.close());
  return {
    folder,
    server,
    simulators,
    settings: {
      TEMPORAL_ADDRESS: server.address,
      HTTP_TASKS_LEDGER_URL: ledgerUrl ?? `file:${join(folder, 'ledger.db')}`,
      HTTP_TASKS_SUBJECT_KEY: randomBytes(24).toString('base64url'),
      ...simulatorSettings(simulators),
    },
    restartServer: async () => {
      await server.stop();
      server = await start();
    },
  };
}

/** Ports of the simulators, as of `http-tasks simulate`. */
const SIMULATOR_PORTS = { plaidPort: 4010, batchPort: 4020 };

async function startSimulatorsOn(options: SimulatorsOptions, usualPorts: boolean): Promise<Simulators> {
  if (!usualPorts) return startSimulators(options);
  try {
    return await startSimulators({ ...options, ...SIMULATOR_PORTS });
  } catch {
    // Another process has one of these ports.
    return startSimulators(options);
  }
}

async function openFolder(opened: Opened): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-stage-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  // Also when something ends the process without a chance to clean up.
  process.once('exit', remove);
  opened.add(async () => {
    process.off('exit', remove);
    remove();
  });
  return folder;
}

import { readFileSync } from 'node:fs';
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { DataConverter } from '@temporalio/common';
import { SimplePlugin } from '@temporalio/plugin';
import type { ActivityInterceptorsFactory, BundleOptions, WorkerOptions } from '@temporalio/worker';
import { EncryptionCodec } from './codec/encryption-codec';
import { FAILURE_CONVERTER_MARK } from './codec/failure-converter';
import { hasBegun, isStartEncrypted, isUpdateEncrypted } from './codec/stored-input';
import { requireEncryptionSettings } from './config/encryption-settings';
import type { EncryptionSettings } from './config/encryption-settings';
import { PLAINTEXT_REFUSED } from './tasks/failure';
import { FAILURE_CONVERTER } from './workflow-modules';

/** Options of the plugin; all are optional. */
export interface EncryptionPluginOptions {
  /**
   * Where `HTTP_TASKS_ENCRYPTION_KEY` and `HTTP_TASKS_ENCRYPTION_PLAINTEXT` are read from.
   * @default process.env
   */
  env?: Readonly<Record<string, string | undefined>>;
  /** Settings that were already read; used instead of `env`. */
  settings?: EncryptionSettings;
}

/**
 * Encrypts what a client or worker sends to Temporal: inputs and results, memos, summaries and details, and messages
 * and stack traces of failures. `docs/encryption.md` lists what stays readable. Use it with every client and worker
 * that shares workflows, and with `bundleWorkflowCode` if you bundle workflows yourself.
 *
 * Your data converter is kept: your codecs run before this one, so their output is encrypted. Your failure converter is
 * kept too; it has to encode messages itself (`encodeCommonAttributes`), or they stay readable.
 *
 * Settings are read when a client or worker first uses the plugin, so that a bundle can be built where there are no
 * secrets.
 *
 * @throws SettingsError that lists every missing or wrong setting, when a client, connection or worker is created.
 * @throws TypeError from `Worker.create` for a bundle that was built without this plugin, which would leave the
 * messages of your workflows' failures readable.
 */
export class EncryptionPlugin extends SimplePlugin {
  readonly #options: EncryptionPluginOptions;
  #made: { settings: EncryptionSettings; codec: EncryptionCodec } | undefined;

  constructor(options: EncryptionPluginOptions = {}) {
    super({ name: 'temporal-http-tasks.EncryptionPlugin', dataConverter: (given) => this.#encrypting(given) });
    this.#options = options;
  }

  get #parts(): { settings: EncryptionSettings; codec: EncryptionCodec } {
    if (!this.#made) {
      const { env = process.env, settings = requireEncryptionSettings(env) } = this.#options;
      this.#made = { settings, codec: new EncryptionCodec(settings.keys) };
    }
    return this.#made;
  }

  override configureWorker(options: WorkerOptions): WorkerOptions {
    if (options.dataConverter?.failureConverterPath === undefined) refuseForeignBundle(this.name, options);
    const configured = super.configureWorker(options);
    if (this.#parts.settings.plaintext === 'accept') return configured;
    const { interceptors } = configured;
    return {
      ...configured,
      interceptors: { ...interceptors, activity: [refusingPlaintext(), ...(interceptors?.activity ?? [])] },
    };
  }

  /** Failures thrown by workflows are converted inside the bundle. */
  override configureBundler(options: BundleOptions): BundleOptions {
    return {
      ...super.configureBundler(options),
      failureConverterPath: options.failureConverterPath ?? FAILURE_CONVERTER,
    };
  }

  #encrypting(given: DataConverter = {}): DataConverter {
    const { payloadCodecs = [], failureConverterPath = FAILURE_CONVERTER } = given;
    // The plugin may be applied twice, by a connection and by its client.
    const codecs = payloadCodecs.some((codec) => codec instanceof EncryptionCodec)
      ? payloadCodecs
      : [...payloadCodecs, this.#parts.codec];
    return { ...given, payloadCodecs: codecs, failureConverterPath };
  }
}

function refuseForeignBundle(plugin: string, { workflowBundle }: WorkerOptions): void {
  if (!workflowBundle) return;
  const code = 'code' in workflowBundle ? workflowBundle.code : readFileSync(workflowBundle.codePath, 'utf8');
  if (code.includes(FAILURE_CONVERTER_MARK)) return;
  throw new TypeError(
    `The workflow bundle was built without ${plugin}, so that failure messages would stay in plain text. Build it with bundleWorkflowCode({ …, plugins: [new EncryptionPlugin()] }), or give the worker your own failureConverterPath.`,
  );
}

/** Maximum number of runs remembered as encrypted, so that each is checked once and not for each of its activities. */
const REMEMBERED_RUNS = 10_000;

/**
 * Refuses every activity of a run whose input is in plain text, and the activity that records an update in plain text,
 * so that nothing is done for them. A run with a completed activity continues: it started when plain text was still
 * accepted, and half a deletion is worse than either.
 *
 * The activity is refused because a codec that throws would leave the run open with its workflow task retried forever.
 * The refusal is recorded in the history, so that a replay with another setting gives the same result.
 */
function refusingPlaintext(): ActivityInterceptorsFactory {
  const good = new RecentRuns(REMEMBERED_RUNS);
  return (context) => ({
    inbound: {
      execute: async (input, next) => {
        await refusePlaintext(context, good);
        await refusePlaintextUpdate(context, input.args[0]);
        return next(input);
      },
    },
  });
}

async function refusePlaintext({ client, info }: Context, good: RecentRuns): Promise<void> {
  const runId = info.workflowExecution?.runId;
  if (runId !== undefined && good.has(runId)) return;
  if (!(await isStartEncrypted(client, info))) {
    if (runId === undefined || !(await hasBegun(client, info))) throw plaintextRefused();
  }
  if (runId !== undefined) good.add(runId);
}

/** The activity that must succeed before an update that lets a sweep do more takes effect; see `SweepActivities`. */
const RECORDS_AN_UPDATE = 'httpTasks.recordUpdate';

async function refusePlaintextUpdate({ client, info }: Context, given: unknown): Promise<void> {
  if (info.activityType !== RECORDS_AN_UPDATE) return;
  const { updateId, update } = given as { updateId: string; update: string };
  if (await isUpdateEncrypted(client, info, updateId)) return;
  throw ApplicationFailure.create({
    type: PLAINTEXT_REFUSED,
    message: `The update ${update} came in plain text, which this worker refuses (HTTP_TASKS_ENCRYPTION_PLAINTEXT=refuse), so it changed nothing. Send it with an argument, such as {"by": "your name"}, from a client that has the encryption key, or with the codec server set in the Temporal UI.`,
    nonRetryable: true,
  });
}

function plaintextRefused(): ApplicationFailure {
  return ApplicationFailure.create({
    type: PLAINTEXT_REFUSED,
    message:
      'The input came in plain text, which this worker refuses (HTTP_TASKS_ENCRYPTION_PLAINTEXT=refuse), so nothing was done. It is now in the history in plain text. Start it again with a client that has the encryption key, or with the codec server set in the Temporal UI.',
    nonRetryable: true,
  });
}

/** A bounded set of IDs that drops the oldest. */
class RecentRuns {
  readonly #ids = new Set<string>();

  constructor(readonly most: number) {}

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    if (this.#ids.size >= this.most) this.#ids.delete(this.#ids.values().next().value ?? '');
    this.#ids.add(id);
  }
}

import { readFileSync } from 'node:fs';
import { SimplePlugin } from '@temporalio/plugin';
import type { DataConverter } from '@temporalio/common';
import type { BundleOptions, WorkerOptions } from '@temporalio/worker';
import { FAILURE_CONVERTER } from './workflow-modules';
import { EncryptionCodec } from './codec/encryption-codec';
import { FAILURE_CONVERTER_MARK } from './codec/failure-converter';
import { refusingPlaintext } from './codec/refuse-plaintext';
import { requireEncryptionSettings } from './config/encryption-settings';
import type { EncryptionSettings } from './config/encryption-settings';

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

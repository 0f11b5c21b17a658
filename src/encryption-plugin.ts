import { readFileSync } from 'node:fs';
import { SimplePlugin } from '@temporalio/plugin';
import type { DataConverter } from '@temporalio/common';
import type { BundleOptions, WorkerOptions } from '@temporalio/worker';
import { EncryptionCodec } from './codec/encryption-codec';
import { FAILURE_CONVERTER_MARK } from './codec/failure-converter';
import { refusingPlaintext } from './codec/refuse-plaintext';
import { requireEncryptionSettings } from './config/encryption-settings';
import type { EncryptionSettings } from './config/encryption-settings';

const FAILURE_CONVERTER = require.resolve('./codec/failure-converter');

/** What the plugin can be given. Everything has a default. */
export interface EncryptionPluginOptions {
  /**
   * Where `HTTP_TASKS_ENCRYPTION_KEY` and `HTTP_TASKS_ENCRYPTION_PLAINTEXT` are read from.
   * @default process.env
   */
  env?: Readonly<Record<string, string | undefined>>;
  /** Settings that were read before, instead of `env`. */
  settings?: EncryptionSettings;
}

/**
 * Encrypts what a client or a worker gives to Temporal: inputs and results, memos, summaries and details, and messages
 * and stack traces of failures. `docs/encryption.md` lists what stays readable. Give it to every client and every worker
 * that share workflows, and to `bundleWorkflowCode` where you bundle yourself.
 *
 * Your data converter stays: your codecs run before this one, so that what they make is encrypted. A failure converter
 * of your own is kept too; it has to encode messages itself (`encodeCommonAttributes`), or they stay readable.
 *
 * Settings are read when the plugin is first given to a client or a worker, so that a bundle can be made where there are no
 * secrets.
 *
 * @throws SettingsError with every missing or wrong setting at once, when a client, connection or worker is made with it.
 * @throws TypeError from `Worker.create`, for a bundle that was made without this plugin and would leave the messages of
 *   your workflows' failures readable.
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

  /** Failures that workflows throw are converted inside the bundle. */
  override configureBundler(options: BundleOptions): BundleOptions {
    return {
      ...super.configureBundler(options),
      failureConverterPath: options.failureConverterPath ?? FAILURE_CONVERTER,
    };
  }

  #encrypting(given: DataConverter = {}): DataConverter {
    const { payloadCodecs = [], failureConverterPath = FAILURE_CONVERTER } = given;
    // A plugin may be asked twice, by a connection and by its client.
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
    `The workflow bundle was made without ${plugin}, so that messages of failures would stay in plain text. Make it with bundleWorkflowCode({ …, plugins: [new EncryptionPlugin()] }), or give the worker a failureConverterPath of your own.`,
  );
}

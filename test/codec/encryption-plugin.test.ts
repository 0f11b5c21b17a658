import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure, DefaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import type { PayloadCodec } from '@temporalio/common';
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';
import { EncryptionCodec } from 'temporal-http-tasks/internal/codec/encryption-codec';
import { failureConverter } from 'temporal-http-tasks/internal/codec/failure-converter';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { EncryptionPlugin, HttpTasksPlugin } from 'temporal-http-tasks';
import { ENV, HostFiles } from '../plugin/host';
import { quiet, silenceTemporal } from '../support/quiet-runtime';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { workflowBundle } from '../support/workflow-bundle';

const KEY_ENV = { HTTP_TASKS_ENCRYPTION_KEY: randomBytes(32).toString('base64') };

/** A host's own codec, say for compression. */
const OWN_CODEC: PayloadCodec = { encode: async (payloads) => payloads, decode: async (payloads) => payloads };

let connection: NativeConnection;
const files = new HostFiles();

beforeAll(async () => {
  silenceTemporal();
  connection = await NativeConnection.connect({ address: temporalAddress() });
});
afterAll(async () => {
  await connection.close();
  await files.remove();
});

it('refuses to be made without a key, naming the setting', () => {
  const plugin = new EncryptionPlugin({ env: {} });
  for (const use of [
    () => plugin.configureWorker({ taskQueue: 'q' }),
    () => plugin.configureClient({}),
    () => new Client({ plugins: [plugin] }),
  ]) {
    expect(use).toThrow(SettingsError);
    expect(use).toThrow('HTTP_TASKS_ENCRYPTION_KEY');
  }
});

describe('A client', () => {
  function codecsOf(dataConverter?: { payloadCodecs: PayloadCodec[] }): PayloadCodec[] {
    const plugin = new EncryptionPlugin({ env: KEY_ENV });
    const client = new Client({
      connection: Connection.lazy({ address: temporalAddress() }),
      plugins: [plugin],
      dataConverter,
    });
    return client.options.loadedDataConverter.payloadCodecs;
  }

  it('keeps its own codecs, whose work is then encrypted', () => {
    expect(codecsOf()).toEqual([expect.any(EncryptionCodec)]);
    expect(codecsOf({ payloadCodecs: [OWN_CODEC] })).toEqual([OWN_CODEC, expect.any(EncryptionCodec)]);
  });

  it('encrypts once, also when its connection has the plugin too', async () => {
    const plugin = new EncryptionPlugin({ env: KEY_ENV });
    const lazy = Connection.lazy({ address: temporalAddress(), plugins: [plugin] });
    expect(new Client({ connection: lazy, plugins: [plugin] }).options.loadedDataConverter.payloadCodecs).toHaveLength(
      1,
    );
    await lazy.close();
  });

  it('has failures encoded, unless it has a failure converter of its own', async () => {
    const path = await files.write({
      'converter.cjs':
        "const { DefaultFailureConverter } = require('@temporalio/common');\nexports.failureConverter = new DefaultFailureConverter();\n",
    });
    const plugin = new EncryptionPlugin({ env: KEY_ENV });
    const given = { connection: Connection.lazy({ address: temporalAddress() }), plugins: [plugin] };
    expect(new Client(given).options.loadedDataConverter.failureConverter).toBe(failureConverter);
    const own = new Client({ ...given, dataConverter: { failureConverterPath: path } });
    expect(own.options.loadedDataConverter.failureConverter).not.toBe(failureConverter);
    expect(own.options.loadedDataConverter.payloadCodecs).toHaveLength(1);
  });
});

describe('A worker', () => {
  const plugins = [new EncryptionPlugin({ env: KEY_ENV })];

  /** Creates a worker and ends it: one that never ran would keep its connection. */
  async function create(more: Partial<WorkerOptions>): Promise<Worker> {
    const worker = await Worker.create({ connection, taskQueue: freshTaskQueue(), plugins, ...more });
    await worker.runUntil(Promise.resolve());
    return worker;
  }

  it('refuses a bundle that would leave the messages of failures readable, in code or in a file', async () => {
    const { codePath } = await workflowBundle();
    await expect(create({ workflowBundle: { codePath } })).rejects.toThrow(/bundleWorkflowCode.*EncryptionPlugin/);
    await expect(create({ workflowBundle: { code: 'exports' } })).rejects.toThrow(TypeError);
  });

  it('takes a bundle made with the plugin, and one that it makes itself', async () => {
    const path = await files.write({ 'workflows.cjs': 'exports.nothing = async () => undefined;\n' });
    const { code } = await bundleWorkflowCode({ workflowsPath: path, plugins, logger: quiet });
    expect(code).toContain('EncodingFailureConverter');
    expect(code).not.toContain(KEY_ENV.HTTP_TASKS_ENCRYPTION_KEY);
    await expect(create({ workflowBundle: { code } })).resolves.toBeInstanceOf(Worker);
    await expect(create({ workflowsPath: path })).resolves.toBeInstanceOf(Worker);
  });

  it('keeps a failure converter of its own, in the bundle too', async () => {
    const path = await files.write({ 'own.cjs': 'exports.nothing = async () => undefined;\n' });
    const own = join(path, '../own-converter.cjs');
    await writeFile(
      own,
      "const { DefaultFailureConverter } = require('@temporalio/common');\nexports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });\n// own mark\n",
    );
    const { code } = await bundleWorkflowCode({
      workflowsPath: path,
      failureConverterPath: own,
      plugins,
      logger: quiet,
    });
    expect(code).toContain('own mark');
    expect(code).not.toContain('EncodingFailureConverter');
    const worker = await create({
      workflowBundle: { code },
      dataConverter: { failureConverterPath: own, payloadCodecs: [OWN_CODEC] },
    });
    const { loadedDataConverter } = worker.options;
    expect(loadedDataConverter.failureConverter).toBeInstanceOf(DefaultFailureConverter);
    expect(loadedDataConverter.failureConverter).not.toBe(failureConverter);
    expect(loadedDataConverter.payloadCodecs).toEqual([OWN_CODEC, expect.any(EncryptionCodec)]);
  });

  it('goes with HttpTasksPlugin, which by itself changes no data converter', () => {
    const httpTasks = new HttpTasksPlugin({ env: { ...ENV, ...KEY_ENV } });
    const given = { taskQueue: 'x', workflowsPath: 'x' };
    expect(httpTasks.configureWorker(given).dataConverter).toBeUndefined();
    const both = new EncryptionPlugin({ env: KEY_ENV }).configureWorker(httpTasks.configureWorker(given));
    expect(both.dataConverter?.payloadCodecs).toHaveLength(1);
    expect(both.activities).toHaveProperty(['plaid.userItemsGet']);
  });
});

it('encodes a failure again whenever it is thrown on, and leaves the error as it was', () => {
  const error = ApplicationFailure.create({ message: 'of long ago' });
  const sent = failureConverter.errorToFailure(error, defaultPayloadConverter);
  expect([sent.message, sent.stackTrace]).toEqual(['Encoded failure', '']);
  const received = failureConverter.failureToError(sent, defaultPayloadConverter);
  for (let times = 1; times <= 3; times += 1) {
    const again = failureConverter.errorToFailure(received, defaultPayloadConverter);
    expect(again.message).toBe('Encoded failure');
    expect(failureConverter.failureToError(again, defaultPayloadConverter).message).toBe('of long ago');
  }
});

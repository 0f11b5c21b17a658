import { createCodecHandler } from 'temporal-http-tasks/internal/codec/codec-handler';
import { startCodecServer } from 'temporal-http-tasks/internal/codec/codec-server';
import type { CodecServer } from 'temporal-http-tasks/internal/codec/codec-server';
import { EncryptionCodec } from 'temporal-http-tasks/internal/codec/encryption-codec';
import { readEncryptionSettings } from 'temporal-http-tasks/internal/config/encryption-settings';
import type { EncryptionSettings } from 'temporal-http-tasks/internal/config/encryption-settings';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { EncryptionPlugin } from 'temporal-http-tasks/internal/encryption-plugin';

const SETTINGS = ['HTTP_TASKS_ENCRYPTION_KEY', 'HTTP_TASKS_ENCRYPTION_KEY_FILE', 'HTTP_TASKS_ENCRYPTION_PLAINTEXT'];

/** How a local stack encrypts: with the user's own keys, or not at all. */
export interface LocalEncryption {
  /** The settings for the worker. They contain a key: never print them. */
  env: Readonly<Record<string, string>>;
  /** For the client. */
  plugins: EncryptionPlugin[];
  settings?: EncryptionSettings;
}

/**
 * Takes the keys that the environment has.
 *
 * @throws SettingsError when they cannot be used.
 */
export function localEncryption(env: Env): LocalEncryption {
  const settings = readEncryptionSettings(env);
  if (!settings) return { env: {}, plugins: [] };
  const own = SETTINGS.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  return { env: Object.fromEntries(own), plugins: [new EncryptionPlugin({ settings })], settings };
}

/** Serves the codec for a UI of this machine that is yet to be started. */
export async function serveCodecForUi({
  keys,
}: EncryptionSettings): Promise<CodecServer & { allow(uiUrl: string): void }> {
  const uiOrigins: string[] = [];
  const server = await startCodecServer(createCodecHandler({ codec: new EncryptionCodec(keys), uiOrigins }), {
    port: 0,
  });
  return {
    ...server,
    allow: (uiUrl) => {
      // It is opened under either name.
      uiOrigins.push(uiUrl, uiUrl.replace('127.0.0.1', 'localhost'));
    },
  };
}

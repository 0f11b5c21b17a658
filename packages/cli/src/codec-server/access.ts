import { readFileSync } from 'node:fs';
import { allowedByTemporal, AllCallersAllowedError } from 'temporal-http-tasks/internal/codec/allowed-by-temporal';
import { requiringToken } from 'temporal-http-tasks/internal/codec/codec-handler';
import type { Authorize } from 'temporal-http-tasks/internal/codec/codec-handler';
import { Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { endableConnection } from '../temporal/client';
import { readTemporalConfig } from '../temporal/config';
import { asCommandFailure } from '../temporal/failure';
import type { TemporalOptions } from '../temporal/options';

/** The options about who may decrypt. */
export interface AccessOptions extends TemporalOptions {
  tokenFile?: string;
  askTemporal?: boolean;
}

/** The check of callers, and what has to be closed after it. */
export interface Access {
  authorize?: Authorize;
  close(): Promise<void>;
}

const MIN_TOKEN_CHARACTERS = 16;

/**
 * Reads who may decrypt. Beyond this machine, each caller is checked.
 *
 * @throws Refusal, CommandFailure `TemporalUnavailable`.
 */
export async function openAccess(io: Io, options: AccessOptions, { onlyHere }: { onlyHere: boolean }): Promise<Access> {
  const { tokenFile, askTemporal = false } = options;
  if (tokenFile !== undefined && askTemporal)
    throw new Refusal('Usage', 'Give --token-file or --ask-temporal, not both.');
  if (tokenFile !== undefined) return { authorize: requiringToken(readToken(tokenFile)), close: async () => undefined };
  if (askTemporal) return askingTemporal(io, options);
  if (onlyHere) return { close: async () => undefined };
  throw new Refusal(
    'Usage',
    'With this --listen other machines could decrypt; restrict access with --token-file or --ask-temporal.',
  );
}

function readToken(file: string): string {
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch {
    throw new Refusal('Usage', `--token-file: the file ${file} cannot be read.`);
  }
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= MIN_TOKEN_CHARACTERS) return token;
  throw new Refusal(
    'Usage',
    `--token-file: the token in ${file} must have ${MIN_TOKEN_CHARACTERS} or more printable ASCII characters and no space.`,
  );
}

async function askingTemporal(io: Io, options: AccessOptions): Promise<Access> {
  const { connectionOptions, namespace = 'default', where } = readTemporalConfig(io, options);
  // With a key of our own the server would see us and not the caller.
  const { connection, end } = endableConnection({ ...connectionOptions, apiKey: undefined });
  try {
    return { authorize: await allowedByTemporal(connection, namespace), close: end };
  } catch (error) {
    await end();
    if (error instanceof AllCallersAllowedError)
      throw new Refusal('Usage', `--ask-temporal: ${error.message} Use --token-file.`);
    throw asCommandFailure(error, where);
  }
}

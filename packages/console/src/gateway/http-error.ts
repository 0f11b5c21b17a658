import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import type { WireError } from './wire';

/** Statuses with which the gateway refuses requests. */
export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 500 | 503;

/** A request that the gateway refuses. Its message is for the person at the page and contains no secrets. */
export class GatewayRefusal extends Error {
  override readonly name = 'GatewayRefusal';

  constructor(
    readonly status: RefusalStatus,
    readonly type: string,
    message: string,
    readonly more: Pick<WireError['error'], 'field' | 'needed' | 'rows'> = {},
  ) {
    super(message);
  }
}

/** Returns the response for an error; messages of unexpected errors are not included. */
export function responseTo(error: unknown): { status: RefusalStatus; body: WireError } {
  if (error instanceof GatewayRefusal) {
    return { status: error.status, body: { error: { type: error.type, message: error.message, ...error.more } } };
  }
  if (error instanceof InvalidInputError) {
    return refused(400, 'Task.InvalidInput', error.message, error.field === '' ? undefined : error.field);
  }
  if (error instanceof SettingsError) return refused(409, 'Settings', settingsText(error), error.problems[0]?.setting);
  if (error instanceof LedgerSettingError) return refused(409, 'Settings', error.message, error.setting);
  if (error instanceof LedgerUnavailableError) return refused(503, 'Task.LedgerUnavailable', error.message);
  return refused(500, 'Failed', 'Something went wrong in the gateway; its own output says more.');
}

function settingsText({ problems }: SettingsError): string {
  return problems.map(({ setting, message }) => `${setting}: ${message}`).join(' ');
}

function refused(
  status: RefusalStatus,
  type: string,
  message: string,
  field?: string,
): { status: RefusalStatus; body: WireError } {
  return { status, body: { error: { type, ...(field !== undefined && { field }), message } } };
}

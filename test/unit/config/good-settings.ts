import { inspect } from 'node:util';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';

export const GOOD = {
  PLAID_CLIENT_ID: 'canary-client',
  PLAID_SECRET: 'canary-secret',
  BATCH_REST_API_KEY: 'canary-rest',
  BATCH_API_KEYS: 'ios=canary-ios,android=canary-android',
  HTTP_TASKS_SUBJECT_KEY: 'canary-subject-key-0123456789',
};

export function problemsOf(read: () => unknown): Record<string, string> {
  try {
    read();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    expect(`${error.message} ${inspect(error)} ${JSON.stringify(error)}`).not.toContain('canary');
    for (const { setting, message } of error.problems) expect(error.message).toContain(`\n  ${setting}: ${message}`);
    return Object.fromEntries(error.problems.map(({ setting, message }) => [setting, message]));
  }
  throw new Error('they were not refused');
}

import { PassThrough } from 'node:stream';
import { environmentSecrets } from 'temporal-http-tasks/internal/config/process-settings';
import { readWorkerSettings } from 'temporal-http-tasks/internal/config/settings';
import { createWorkerLog } from '@temporal-http-tasks/cli/internal/worker-process/worker-log';
import { written } from '../../support/written';

const SECRETS: Record<string, string> = {
  TEMPORAL_API_KEY: 'canary-temporal-api-key',
  TEMPORAL_TLS_CLIENT_KEY_DATA: 'canary-temporal-tls-key',
  TEMPORAL_GRPC_META_AUTHORIZATION: 'canary-temporal-header',
  TEMPORAL_CODEC_AUTH_TOKEN: 'canary-codec-token',
  PLAID_SECRET: 'canary-plaid-secret',
  HTTP_TASKS_SUBJECT_KEY: 'canary-subject-key',
  HTTP_TASKS_ENCRYPTION_KEY: 'k1=canary-encryption-key',
  HTTP_TASKS_CONSOLE_TOKEN: 'canary-console-token',
  HTTP_TASKS_SECRET_DESK: 'canary-desk-value',
  HTTP_TASKS_OAUTH_DESK_CLIENT_SECRET: 'canary-client-secret',
  HTTP_TASKS_LEDGER_URL: 'postgres://worker:canary-ledger-word@127.0.0.1/db',
  HTTP_TASKS_SOURCE_CRM_URL: 'postgres://reader:canary%2Dsource-word@127.0.0.1/crm',
  OTEL_EXPORTER_OTLP_HEADERS: 'x-api=canary-otlp-header',
  AWS_SECRET_ACCESS_KEY: 'canary-aws-secret',
  GITHUB_TOKEN: 'canary-github-token',
  PGPASSWORD: 'canary-pg-password',
};

describe('The secrets of an environment', () => {
  it.each(Object.entries(SECRETS))('contain that of %s', (name, value) => {
    const word = /canary[a-z%2D-]*/.exec(value)![0];
    expect(environmentSecrets({ [name]: value })).toContain(word);
  });

  it('contain only settings that are credentials', () => {
    const env = {
      HTTP_TASKS_SECRET_DESK_ORIGIN: 'https://desk.example.com',
      HTTP_TASKS_SECRET_DESK_METHODS: 'GET,HEAD,POST',
      HTTP_TASKS_SECRET_DESK_FILE: '/run/secrets/desk',
      TEMPORAL_ADDRESS: 'temporal.example.com:7233',
      HOME: '/home/somebody',
      KEYBOARD: 'qwertzuiop',
    };
    expect(environmentSecrets(env)).toEqual([]);
  });

  it('are in no line of the worker’s log, Temporal’s key among them', () => {
    const env = {
      PLAID_CLIENT_ID: 'canary-client',
      PLAID_SECRET: SECRETS['PLAID_SECRET'],
      HTTP_TASKS_SERVICES: 'plaid',
      HTTP_TASKS_SUBJECT_KEY: 'canary-subject-key-0123456789abcdef',
      TEMPORAL_API_KEY: SECRETS['TEMPORAL_API_KEY'],
    };
    const to = new PassThrough();
    const { settings } = readWorkerSettings(env);
    const log = createWorkerLog({ settings, moreSecrets: environmentSecrets(env), to });
    log.warn(
      { headers: `authorization: Bearer ${env.TEMPORAL_API_KEY}` },
      `refused ${encodeURIComponent(env.TEMPORAL_API_KEY!)} ${env.PLAID_SECRET}`,
    );
    const line = written(to);
    expect(line).toContain('[secret]');
    expect(line).not.toMatch(/canary/);
  });
});

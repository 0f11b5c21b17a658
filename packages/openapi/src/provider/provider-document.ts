import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { CredentialRule, ErrorTaxonomy, ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import type { OpenApiDocument } from '../document/document';
import { DocumentNode } from '../document/document-node';
import { listOperations, readApi } from '../read-api';
import { ZodShapes } from '../schema/to-zod';
import type { FileCredential } from './provider-service';
import { withChoice } from './provider-tasks';
import type { TaskChoice } from './provider-tasks';

/** What of a document a provider file can name. */
export interface DocumentNames {
  operations: readonly string[];
  schemes: readonly string[];
}

/** Returns the operations and security schemes of a document. */
export function namesIn(document: OpenApiDocument): DocumentNames {
  const schemes = DocumentNode.root(document).mapAt('components')?.mapAt('securitySchemes')?.entries() ?? [];
  return {
    operations: listOperations(document).map(({ operation }) => operation),
    schemes: schemes.map(([scheme]) => scheme),
  };
}

/** The operations of a document as tasks of a provider's service. */
export interface DocumentTasks {
  /** @param service Has the credentials and errors of {@link DocumentTasks}. */
  tasksOf: (service: ServiceDefinition) => HttpTask[];
  credentials: readonly CredentialRule[];
  errors: ErrorTaxonomy;
  /** Operations that cannot be called, with the reason. */
  skipped: ReadonlyMap<string, string>;
  /** Parameters with a setting that no operation has. */
  unknownParameters: readonly string[];
}

/** What of a request a provider file gives a setting to. */
export interface FileSettings {
  /** By security scheme. */
  credentials: ReadonlyMap<string, FileCredential>;
  /** By the name of a parameter or field. */
  parameters: ReadonlyMap<string, string>;
}

/**
 * Reads the operations of a provider's document. Servers, token endpoints and decisions of the document are ignored; an
 * operation signs in with the schemes that the provider file names, or cannot be called.
 *
 * @throws OpenApiError when the document cannot be used.
 */
export function readDocumentTasks(
  document: OpenApiDocument,
  name: string,
  { credentials, parameters }: FileSettings,
  choices: ReadonlyMap<string, TaskChoice>,
  errors: ErrorTaxonomy | undefined,
): DocumentTasks {
  const { services, report, inputs, outputs } = readApi(document, {
    service: name,
    // Every address of the provider is in its file; this one only keeps the document's servers out.
    baseUrl: 'http://localhost',
    ignoreDecisions: true,
    credentials: Object.fromEntries([...credentials].map(([scheme, { setting }]) => [scheme, { setting }])),
    security: [...credentials.keys()],
    signInWith: [...credentials.keys()],
    secretFields: Object.fromEntries(parameters),
    decide: ({ operation }) => choices.get(operation)?.decision ?? { answerMeans: 'removed' },
    ...(errors && { errors }),
  });
  const clients = new Map([
    ...[...credentials.values()].map(({ setting, client }) => [setting, client] as const),
    ...[...parameters.values()].map((setting) => [setting, undefined] as const),
  ]);
  const isNamed = ({ setting }: CredentialRule): boolean => clients.has(setting);
  const withClient = (rule: CredentialRule): CredentialRule => {
    const client = clients.get(rule.setting);
    return client ? { ...rule, clientCredentials: client } : rule;
  };
  const [found] = services;
  const all = found?.service.credentials ?? [];
  const skipped = new Map(report.skipped.map(({ operation, why }) => [operation, why]));
  const plans = (found?.plans ?? []).filter(({ operation, credentials: own = all }) => {
    if (own.every(isNamed)) return true;
    skipped.set(operation, 'signs in with a security scheme that is not under credentials');
    return false;
  });
  const used = new Set(plans.flatMap(({ credentials: own = all }) => own.map(({ setting }) => setting)));
  const schemas = { input: new ZodShapes(inputs, 'input'), output: new ZodShapes(outputs, 'output') };
  return {
    tasksOf: (service) =>
      plans.map(({ credentials: own = all, ...plan }) => {
        const task = defineHttpTask({
          ...plan,
          service,
          credentials: own.map(withClient),
          input: schemas.input.of(plan.input),
          output: schemas.output.of(plan.output),
        });
        return withChoice(task, choices.get(plan.operation));
      }),
    credentials: all.filter(isNamed).map(withClient),
    errors: found?.service.errors ?? { fields: { code: 'code' }, rules: [] },
    skipped,
    unknownParameters: [...parameters].flatMap(([parameter, setting]) => (used.has(setting) ? [] : [parameter])),
  };
}

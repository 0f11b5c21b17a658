import type { CallTimeouts, Effect, HttpTask, SensitiveField } from 'temporal-http-tasks/internal/tasks/define';
import type { Settle } from 'temporal-http-tasks/internal/tasks/settle';
import type { ErrorTaxonomy, RateLimit, ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import type { SchemeChoice, SignInRule } from './operation/security';

/** Decisions about one operation that no OpenAPI document can state. */
export interface OperationDecision {
  /** What a call does in the world. @default read for GET and HEAD, else irreversible */
  effect?: Effect;
  /** How a lost response is resolved; `by: 'look'` names the task that reads whether the call was carried out. */
  settle?: Settle;
  /** What a person can do after the call was made and a later one failed. */
  remedy?: string;
  answerMeans?: HttpTask['answerMeans'];
  /** Fields with bearer tokens of users. @default fields whose names say so */
  sensitive?: readonly (string | SensitiveField)[];
  /** Fields that say whom the call is about. */
  subjectFields?: readonly string[];
  /** Provider codes that say: what the call is about is not there. */
  absentCodes?: readonly string[];
  timeouts?: Partial<CallTimeouts>;
  maxResponseBytes?: number;
  /**
   * Fields that its input takes although the document does not name them: `true` for any field of its body, or their paths,
   * such as `alerts.id`. A field that is named here is taken also where the document closes the object.
   */
  allowUnknown?: true | readonly string[];
  rateLimit?: Omit<RateLimit, 'operation'>;
}

/** An operation as it may be chosen by. */
export interface OperationSummary {
  /** Its name as a task, without the service. */
  operation: string;
  /** The document's own id for it. */
  operationId?: string;
  method: string;
  path: string;
  tags: readonly string[];
  summary: string;
}

/** How a document becomes tasks. Everything has a default. */
export interface OpenApiOptions {
  /**
   * The service's name, in front of each operation's; or a whole service, say the catalogue's, of which the operations
   * are to be tasks: then addresses, keys and errors are the service's.
   *
   * Only a service that is named here reads settings: `DESK_BASE_URL`, `DESK_ENV` and the keys under
   * `HTTP_TASKS_OPENAPI_DESK_…`. @default a name made of the document's title, which reads none
   */
  service?: string | ServiceDefinition;
  /** The only address of the service. @default the document's servers */
  baseUrl?: string;
  /** The environment if none is named. @default a sandbox, where a server looks like one */
  defaultEnvironment?: string;
  /** Environments with real people's data. @default those that a server's words call production */
  productionEnvironments?: readonly string[];
  /**
   * What inputs take although the document does not name it: `true` for any field of a body that the document does not
   * close itself, or single fields as `OPERATION:PATH`, such as `alertsUpdate:alerts.id`; `*` among them is `true`. @default nothing
   */
  allowUnknown?: true | readonly string[];
  /** Which operations to take, by name or id, or by looking at each. @default all */
  operations?: readonly string[] | ((operation: OperationSummary) => boolean);
  /** What is decided about operations, by name or id, or by looking at each. */
  decide?:
    Readonly<Record<string, OperationDecision>> | ((operation: OperationSummary) => OperationDecision | undefined);
  /** How the service words its errors, and what each means. @default field names as the described errors have them, and no rules */
  errors?: ErrorTaxonomy;
  /**
   * The only origins that get the service's keys, for example `['https://api.desk.example']`. An operation that signs in
   * and has its address elsewhere is skipped. @default the origins of `baseUrl`, else those of the document's servers
   */
  origins?: readonly string[];
  /**
   * Whether to believe what the document decides under `x-http-task`. Only for a document of your own: it says what a
   * call does in the world. @default false: a document can only make a call more careful than its method does
   */
  trustDecisions?: boolean;
  /** The setting of a security scheme, or its value where that is not secret, by the scheme's name. */
  credentials?: Readonly<Record<string, SchemeChoice>>;
  /** Where operations offer several ways to sign in: the schemes to use. @default the first way that can be used */
  security?: readonly string[];
  /** Fields or parameters that are keys without being declared as a security scheme, with the setting of each. */
  secretFields?: Readonly<Record<string, string>>;
  /**
   * How operations sign in that the document describes without a key, for example
   * `[{setting: 'DESK_TOKEN', in: 'header', name: 'authorization', scheme: 'bearer'}]`. @default they go out without one
   */
  signIn?: readonly SignInRule[];
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>>;
  /** Where relative links to documentation lead. */
  docs?: string;
}

/** The results of a document's operations. */
export interface OpenApiReport {
  /** Operations in the document, or among those that were chosen. */
  operations: number;
  imported: number;
  /** What could not be made a task, and why, with the place in the document. */
  skipped: readonly { operation: string; why: string }[];
  /** What the document does not say and a person has to; `*` is the service as a whole. */
  decide: readonly { operation: string; what: string }[];
}

/** How the document of a provider file is read: the file is trusted, the document decides nothing. */
export interface ProviderDocumentOptions extends OpenApiOptions {
  /** `x-http-task` of the document is ignored. */
  ignoreDecisions?: boolean;
  /** The schemes of operations for which the document has no `security`, not even an empty one. */
  signInWith?: readonly string[];
}

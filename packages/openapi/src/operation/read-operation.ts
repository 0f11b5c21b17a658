import type { Effect } from 'temporal-http-tasks/internal/tasks/define';
import { ownEntry } from 'temporal-http-tasks/internal/tasks/parse-input';
import type { CredentialRule } from 'temporal-http-tasks/internal/tasks/service';
import { JSON_ANSWER } from 'temporal-http-tasks/internal/tasks/wire';
import type { DocumentNode } from '../document/document-node';
import type { OperationDecision, OperationSummary } from '../options';
import { withField } from '../schema/forgotten-fields';
import { impossibleFields, resolved } from '../schema/shape';
import type { KnownFields } from '../schema/known-fields';
import type { SchemaReader } from '../schema/read-schema';
import type { NamedShapes, ObjectShape, Shape } from '../schema/shape';
import { readResponse } from './responses';
import { EXTENSION, readCarefulDecision, readExtension } from './extension';
import type { DocumentDecision } from './extension';
import type { FoundOperation } from './find-operations';
import { readInput } from './input';
import type { Allowance, TaskInputPlan } from './input';
import { bareName, looksSecret } from './names';
import { hasAuthorizationParameter } from './parameters';
import type { Parameter } from './parameters';
import type { Security, SignIn } from './security';
import type { TaskPlan } from './task-plan';

/** How deep in an input tokens are looked for, and through how many schemas; each may lead back to itself. */
const MAX_DEPTH = 4;
const MAX_SCHEMAS = 5_000;

/** Fields that hold a user's token, by their names or because the document calls them passwords: `body.password` for a deeper one. */
export function sensitiveFields({ fields }: ObjectShape, names: NamedShapes): string[] {
  const search = new TokenSearch(names);
  for (const [name, { shape }] of fields) search.look(name, name, shape, 1, new Set());
  return [...search.found];
}

class TokenSearch {
  readonly found = new Set<string>();
  readonly #names: NamedShapes;
  #schemasLeft = MAX_SCHEMAS;

  constructor(names: NamedShapes) {
    this.#names = names;
  }

  /** @param above named schemas that lead here, so that none is entered within itself. */
  look(path: string, name: string, shape: Shape, depth: number, above: ReadonlySet<string>): void {
    if (shape.kind === 'named' && above.has(shape.id)) return;
    if ((this.#schemasLeft -= 1) < 0) return;
    const inside = shape.kind === 'named' ? new Set([...above, shape.id]) : above;
    const behind = resolved(shape, this.#names);
    switch (behind.kind) {
      case 'string':
        if (behind.format === 'password' || looksSecret(name)) this.found.add(path);
        return;
      case 'array':
        this.look(path, name, behind.items, depth, inside);
        return;
      case 'union':
        for (const option of behind.options) this.look(path, name, option, depth, inside);
        return;
      case 'both':
        for (const part of behind.parts) this.look(path, name, part, depth, inside);
        return;
      case 'object':
        if (depth >= MAX_DEPTH) return;
        for (const [inner, field] of behind.fields)
          this.look(`${path}.${inner}`, inner, field.shape, depth + 1, inside);
        return;
      default:
        return;
    }
  }
}

/** Parameters in headers that look like keys although the document has no security scheme for them. */
export function suspectedKeys(parameters: readonly Parameter[]): string[] {
  return parameters
    .filter(({ place, name }) => place === 'header' && (looksSecret(name) || bareName(name).endsWith('key')))
    .map(({ name }) => name);
}

/** With what operations are read. */
export interface OperationContext {
  inputs: SchemaReader;
  /** The same, as a task takes them. */
  taken: KnownFields;
  outputs: SchemaReader;
  security: Security;
  /** What becomes of the document's decisions under `x-http-task`: those that make a call less careful need trust. */
  decisions: 'trusted' | 'careful' | 'ignored';
  docs: string | undefined;
}

/** One operation, read. */
export interface ReadOperation {
  plan: TaskPlan;
  /** How it signs in. */
  rules: readonly CredentialRule[];
  headers: Readonly<Record<string, string>>;
  /** Fields that were taken for credentials because of their names. */
  taken: readonly string[];
  /** What the document does not say about it. */
  open: string[];
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const MAX_SUMMARY = 120;
/**
 * Headers and fields with which servers override a request's method, in lower case without separators:
 * `X-HTTP-Method-Override`, `_method`.
 */
const METHOD_OVERRIDES = new Set([
  'xhttpmethodoverride',
  'xhttpmethod',
  'xmethodoverride',
  'httpmethodoverride',
  'methodoverride',
]);

/** How a call without a decision is settled when its response is lost: by a read, because repeating it may do harm. */
const LOOK_FIRST = { by: 'list', basis: 'assumed' } as const;
const NO_REMEDY = 'What can be done after this call is not decided yet; see the documentation of the API.';

/**
 * Reads one operation.
 *
 * @throws OpenApiError with the place of what cannot be made a task.
 */
export function readOperation(
  found: FoundOperation,
  context: OperationContext,
  decision: OperationDecision,
  allowance: Allowance = { all: false, fields: [] },
): ReadOperation {
  const { node, method, operation } = found;
  const path = sendable(found);
  const signIn = context.security.of(node);
  const input = readInput({ ...found, path }, context.inputs, signIn, allowance);
  const response = readResponse(node, context.outputs, { changes: !READS.has(method) });
  const output = method === 'HEAD' ? ({ kind: 'null' } as const) : response.shape;
  context.inputs.settle(input.input);
  context.outputs.settle(output);
  refuseTwice(node, [...signIn.rules, ...input.keys]);
  const usual = usualEffect(method, input);
  const documented = documentedDecision(node, usual, context);
  const decided: OperationDecision = { ...documented.decision, ...decision };
  const open = [...(found.naming === undefined ? [] : [`name: ${found.naming}`])];
  if (input.undescribed.length > 0)
    open.push(`path: no parameter describes ${input.undescribed.join(', ')}; any text is taken`);
  const impossible = impossibleFields(input.input, context.inputs);
  if (impossible.length > 0)
    open.push(
      `input: no value fits ${impossible.join(', ')}, which the document requires; correct its schema, or a call that needs it cannot be made`,
    );
  if (signIn.clientCertificate)
    open.push(
      'security: it is sent with the client certificate for its origin (HTTP_TASKS_TLS_<NAME>_ORIGIN, …_CERT_FILE, …_KEY_FILE), and not without one',
    );
  if (found.sharedWith) open.push(sharedRoute(found.fragment, found.sharedWith));
  const effect = decided.effect ?? usual;
  const ignored = documented.ignored.filter((field) => !Object.hasOwn(decision, field));
  if (ignored.length > 0)
    open.push(
      `${EXTENSION}: ${ignored.join(', ')} not believed, since a document decides nothing that makes a call less careful; decide yourself, or trust the document (trustDecisions)`,
    );
  if (effect !== 'read') open.push(...undecided(decided));
  if (context.decisions !== 'trusted') open.push(...unsigned(found, effect, signIn, [...signIn.rules, ...input.keys]));
  if (response.open !== undefined && method !== 'HEAD') open.push(`response: ${response.open}`);
  const guessed = decided.sensitive === undefined ? sensitiveFields(input.input, context.inputs) : [];
  if (guessed.length > 0)
    open.push(
      `sensitive: ${guessed.join(', ')} (by the name); kept out of plain histories until it is decided otherwise`,
    );
  for (const name of suspectedKeys(input.parameters))
    open.push(
      `secretFields: the header ${name} looks like a key; name its setting (--secret-field ${name}=SETTING, or secretFields in code), or it is input`,
    );
  const sensitive = (decided.sensitive ?? [...new Set([...guessed, ...documented.alsoSensitive])]).map((field) =>
    typeof field === 'string' ? { field } : field,
  );
  const plan: TaskPlan = {
    ...describe(found, context.docs),
    operation,
    method,
    path,
    places: input.places,
    ...(Object.keys(input.writing).length > 0 && { writing: input.writing }),
    ...(input.bodyForm && { bodyForm: input.bodyForm }),
    ...(response.form !== JSON_ANSWER && { answerForm: response.form }),
    ...(signIn.clientCertificate && { clientCertificate: true }),
    input: withAllowed(context.taken, context.taken.ofObject(input.input), operation, allowance),
    output,
    effect,
    ...(effect !== 'read' && { settle: decided.settle ?? LOOK_FIRST, remedy: decided.remedy ?? NO_REMEDY }),
    ...(sensitive.length > 0 && { sensitive }),
    ...kept(decided),
  };
  return { plan, headers: signIn.headers, rules: [...signIn.rules, ...input.keys], taken: input.taken, open };
}

/** @throws TypeError for the path of a field that leads nowhere. */
function withAllowed(
  taken: KnownFields,
  input: ObjectShape,
  operation: string,
  { all, fields }: Allowance,
): ObjectShape {
  return fields.reduce(
    (shape, path) => {
      const changed = withField(shape, path, taken);
      if (changed) return changed;
      throw new TypeError(
        `allowUnknown: ${JSON.stringify(path)} leads to no object in the input of ${operation}; name the field by its path, for example alerts.id.`,
      );
    },
    all ? taken.opened(input) : input,
  );
}

/** Two keys in one place would replace each other. */
function refuseTwice(node: DocumentNode, rules: readonly CredentialRule[]): void {
  const twice = rules.find((rule, at) =>
    rules.some((other, earlier) => earlier < at && other.in === rule.in && other.name === rule.name),
  );
  if (twice) node.refuse(`signs in with two credentials in the same ${twice.in} ${twice.name}`);
}

function documentedDecision(
  node: DocumentNode,
  usual: Effect,
  { decisions }: Pick<OperationContext, 'decisions'>,
): DocumentDecision {
  if (decisions === 'careful') return readCarefulDecision(node, usual);
  return { decision: decisions === 'trusted' ? readExtension(node) : {}, ignored: [], alsoSensitive: [] };
}

/** A read by its method, unless an input can make it another method for the receiver. */
function usualEffect(method: string, { input, places, writing }: TaskInputPlan): Effect {
  if (!READS.has(method)) return 'irreversible';
  const overrides = [...input.fields.keys()].some((field) => {
    const place = ownEntry(places, field);
    const name = ownEntry(writing, field)?.name ?? field;
    return (
      place !== 'path' &&
      place !== 'cookie' &&
      (name.toLowerCase() === '_method' || METHOD_OVERRIDES.has(bareName(name)))
    );
  });
  return overrides ? 'irreversible' : 'read';
}

/** The path as a request line can hold it. */
function sendable({ node, path }: FoundOperation): string {
  if (/[{}]/.test(path.replace(/\{[^{}]+\}/g, ''))) node.refuse('its path has braces that name no parameter');
  return path.replace(/[^\x21-\x7e]/gu, encodeURIComponent);
}

/** Operations that differ only in a fragment, or in the name of a parameter, are the same for the provider. */
function sharedRoute(fragment: string | undefined, others: readonly string[]): string {
  const names = `${others.slice(0, 3).join(', ')}${others.length > 3 ? ` and ${others.length - 3} more` : ''}`;
  const why = fragment === undefined ? '' : `; ${JSON.stringify(fragment)} is never sent`;
  return `path: it is sent to the same method and path as ${names}${why}, so that only the input distinguishes them`;
}

/** An operation as people choose it, before it is read. */
export function summarize({ operation, operationId, method, path, node }: FoundOperation): OperationSummary {
  const tags = Array.isArray(node.at('tags')?.value)
    ? (node.at('tags')?.elements() ?? []).flatMap(({ value }) => (typeof value === 'string' ? [value] : []))
    : [];
  return {
    operation,
    ...(operationId !== undefined && { operationId }),
    method,
    path,
    tags,
    summary: summaryOf(node, method, path),
  };
}

function describe(
  found: FoundOperation,
  docs: string | undefined,
): Pick<TaskPlan, 'summary' | 'description' | 'docs' | 'tags'> {
  const { node } = found;
  const { summary, tags } = summarize(found);
  const description = textIn(node, 'description');
  const link = textIn(node.at('externalDocs'), 'url');
  const url = link !== undefined && URL.canParse(link, docs) ? new URL(link, docs) : undefined;
  return {
    summary,
    tags,
    ...(description !== undefined && { description }),
    ...(url && /^https?:$/.test(url.protocol) && { docs: url.href }),
  };
}

/** One line that fits where Temporal shows it. */
function summaryOf(node: DocumentNode, method: string, path: string): string {
  const text = (
    textIn(node, 'summary') ??
    /^[^.\n]+/.exec(textIn(node, 'description') ?? '')?.[0] ??
    `${method} ${path}`
  )
    .replace(/\s+/g, ' ')
    .trim();
  return text.length > MAX_SUMMARY ? `${text.slice(0, MAX_SUMMARY - 1)}…` : text;
}

function textIn(node: DocumentNode | undefined, key: string): string | undefined {
  const value = node?.at(key)?.value;
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** A call that changes something without a key, or that requires a header which nothing fills. */
function unsigned(
  { node, pathItem }: FoundOperation,
  effect: Effect,
  { unsigned: why, headers }: SignIn,
  rules: readonly CredentialRule[],
): string[] {
  const isFilled = rules.some(({ in: place, name }) => place === 'header' && name === 'authorization');
  if (!isFilled && hasAuthorizationParameter(node, pathItem)) {
    return [
      'security: its parameter Authorization is not sent, since OpenAPI leaves that header to security schemes; name the setting with its value (--secret-field Authorization=SETTING, or secretFields in code)',
    ];
  }
  if (effect === 'read' || why === undefined || rules.length > 0 || Object.keys(headers).length > 0) return [];
  return [
    `security: it goes out without a key, since ${why}; name a key if the provider requires one (--sign-in bearer=SETTING, or signIn in code)`,
  ];
}

function undecided({ effect, settle, remedy }: OperationDecision): string[] {
  return [
    ...(effect === undefined
      ? ['effect: irreversible until it is decided that repeating or undoing it is harmless']
      : []),
    ...(settle === undefined
      ? ['settle: how a lost response is resolved; until it is decided, it fails Task.OutcomeUnknown']
      : []),
    ...(remedy === undefined ? ['remedy: what a person can do after it was done'] : []),
  ];
}

/** The decisions that the task takes over unchanged. */
function kept({
  answerMeans,
  subjectFields,
  absentCodes,
  timeouts,
  maxResponseBytes,
}: OperationDecision): Partial<TaskPlan> {
  return {
    ...(answerMeans !== undefined && { answerMeans }),
    ...(subjectFields !== undefined && { subjectFields }),
    ...(absentCodes !== undefined && { absentCodes }),
    ...(timeouts !== undefined && { timeouts }),
    ...(maxResponseBytes !== undefined && { maxResponseBytes }),
  };
}

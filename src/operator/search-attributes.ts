import type { OperatorService } from '@temporalio/client';
import { DUE_ATTRIBUTE, SEARCH_ATTRIBUTE_TYPES, SEARCH_ATTRIBUTES } from '../policy/search-attributes';
import type { SearchAttribute } from '../policy/search-attributes';

/** The state of the namespace's search attributes. */
export interface UsableSearchAttributes {
  usable: readonly string[];
  /** Why the others are not usable and what to do; sentences for the worker's log. */
  problems: readonly string[];
}

/** `INDEXED_VALUE_TYPE_…` of Temporal's API, by number. */
const TYPES = ['Unspecified', 'Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList'];

/** Returns the number of the type that an attribute has to have. */
function typeOf(name: SearchAttribute): number {
  return TYPES.indexOf(SEARCH_ATTRIBUTE_TYPES[name]);
}

/**
 * Creates those of the package's search attributes that the namespace lacks; returns which are usable.
 *
 * An attribute that exists with another type is not usable: the server accepts its creation without an error, keeps the
 * old type and would refuse values written by runs. Never throws; obstacles are returned as problems.
 */
export async function ensureSearchAttributes(operator: Operator, namespace: string): Promise<UsableSearchAttributes> {
  try {
    const before = await typesOf(operator, namespace);
    const missing = SEARCH_ATTRIBUTES.filter((name) => before[name] === undefined);
    const refusal = missing.length > 0 ? await create(operator, namespace, missing) : undefined;
    const found = missing.length > 0 ? await typesOf(operator, namespace) : before;
    return judge(found, namespace, refusal);
  } catch (error) {
    return {
      usable: [],
      problems: [`The search attributes of the namespace ${namespace} cannot be read (${reasonOf(error)}). ${WITHOUT}`],
    };
  }
}

/** Returns which of the package's search attributes the namespace lacks, or has with another type. Creates none. */
export async function unusableSearchAttributes(
  operator: Pick<OperatorService, 'listSearchAttributes'>,
  namespace: string,
): Promise<{ missing: string[]; otherType: string[] }> {
  const found = await typesOf(operator, namespace);
  return {
    missing: SEARCH_ATTRIBUTES.filter((name) => found[name] === undefined),
    otherType: SEARCH_ATTRIBUTES.filter((name) => found[name] !== undefined && found[name] !== typeOf(name)),
  };
}

type Operator = Pick<OperatorService, 'addSearchAttributes' | 'listSearchAttributes'>;

const WITHOUT = 'Runs are started without them, and http-tasks list-runs will not find them. Nothing else changes.';

const WITHOUT_DUE_DATES =
  'Runs are started without it, and http-tasks list-runs cannot find them by their due dates; http-tasks register can. Nothing else changes.';

async function typesOf(
  operator: Pick<OperatorService, 'listSearchAttributes'>,
  namespace: string,
): Promise<Record<string, number>> {
  const { customAttributes } = await operator.listSearchAttributes({ namespace });
  return customAttributes ?? {};
}

/** Returns why the server does not create them. If another worker created them first, a later read shows them. */
async function create(
  operator: Operator,
  namespace: string,
  names: readonly SearchAttribute[],
): Promise<string | undefined> {
  try {
    await operator.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(names.map((name) => [name, typeOf(name)])),
    });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function judge(found: Record<string, number>, namespace: string, refusal: string | undefined): UsableSearchAttributes {
  const problems: string[] = [];
  const missing = SEARCH_ATTRIBUTES.filter((name) => found[name] === undefined);
  for (const name of SEARCH_ATTRIBUTES) {
    const type = found[name];
    if (type === undefined || type === typeOf(name)) continue;
    problems.push(
      `The search attribute ${name} has the type ${TYPES[type] ?? type} in the namespace ${namespace}, and has to be ${SEARCH_ATTRIBUTE_TYPES[name]}. ` +
        `Runs are started without it. Remove it if nothing else uses it (temporal operator search-attribute remove --namespace ${namespace} --name ${name}), then restart this worker.`,
    );
  }
  if (missing.length > 0) {
    problems.push(
      `The server did not create the search attributes ${missing.join(', ')} in the namespace ${namespace} (${refusal ?? 'it gave no reason'}). ` +
        `Ask an administrator to run ${creatingCommand(namespace, missing)} and then restart this worker. ${missing.every((name) => name === DUE_ATTRIBUTE) ? WITHOUT_DUE_DATES : WITHOUT}`,
    );
  }
  return { usable: SEARCH_ATTRIBUTES.filter((name) => found[name] === typeOf(name)), problems };
}

function creatingCommand(namespace: string, names: readonly SearchAttribute[]): string {
  return [
    'temporal operator search-attribute create',
    `--namespace ${namespace}`,
    ...names.map((name) => `--name ${name} --type ${SEARCH_ATTRIBUTE_TYPES[name]}`),
  ].join(' ');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { details } = error as { details?: unknown };
  return typeof details === 'string' && details !== '' ? details : error.message;
}

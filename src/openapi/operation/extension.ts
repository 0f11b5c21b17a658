import type { DocumentNode } from '../document/document-node';
import { checkablePattern } from '../schema/patterns';
import type { OperationDecision } from '../options';

/** The field of an operation in which a document may decide what OpenAPI has no words for. */
export const EXTENSION = 'x-http-task';

const EFFECTS = ['read', 'repeatSafe', 'irreversible'] as const;
const SETTLE_BY = ['list', 'resend', 'repeat'] as const;
const BASES = ['documented', 'assumed'] as const;
const MEANINGS = ['removed', 'accepted'] as const;

/** What an operation's `x-http-task` decides. */
export function readExtension(node: DocumentNode): OperationDecision {
  const extension = node.at(EXTENSION);
  if (!extension) return {};
  const effect = oneOf(extension, 'effect', EFFECTS);
  const answerMeans = oneOf(extension, 'answerMeans', MEANINGS);
  const remedy = extension.text('remedy');
  const settle = settleIn(extension.at('settle'));
  return {
    ...(effect && { effect }),
    ...(answerMeans && { answerMeans }),
    ...(remedy !== undefined && { remedy }),
    ...(settle && { settle }),
    ...sensitiveIn(extension),
    ...list(extension, 'subjectFields'),
    ...list(extension, 'absentCodes'),
  };
}

function settleIn(node: DocumentNode | undefined): OperationDecision['settle'] {
  if (!node) return undefined;
  const by = oneOf(node, 'by', SETTLE_BY) ?? node.refuse(`by must be one of: ${SETTLE_BY.join(', ')}`);
  const basis = oneOf(node, 'basis', BASES) ?? 'assumed';
  const other = node.text('with');
  return { by, basis, ...(other !== undefined && { with: other }) };
}

/** Fields by name; `{field, when}` for those that hold a token only when their value matches a pattern. */
function sensitiveIn(extension: DocumentNode): Pick<OperationDecision, 'sensitive'> {
  const entries = extension.at('sensitive')?.elements();
  if (!entries) return {};
  return {
    sensitive: entries.map((entry) => {
      if (typeof entry.value === 'string') return entry.value;
      const field = entry.text('field') ?? entry.refuse('must name a field');
      // A pattern that cannot be used must not make a token readable.
      const when = checkablePattern(entry.text('when') ?? '');
      return entry.at('when') && when ? { field, when } : { field };
    }),
  };
}

function oneOf<T extends string>(node: DocumentNode, key: string, allowed: readonly T[]): T | undefined {
  const text = node.text(key);
  if (text === undefined) return undefined;
  return allowed.find((one) => one === text) ?? node.refuse(`${key} must be one of: ${allowed.join(', ')}`);
}

function list<K extends string>(node: DocumentNode, key: K): Partial<Record<K, string[]>> {
  const entries = node.at(key)?.elements();
  return entries ? ({ [key]: entries.map(({ value }) => String(value)) } as Record<K, string[]>) : {};
}

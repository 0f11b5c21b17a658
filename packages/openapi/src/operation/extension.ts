import type { DocumentNode } from '../document/document-node';
import { checkablePattern } from '../schema/patterns';
import type { Effect } from 'temporal-http-tasks/internal/tasks/define';
import type { AbsentSign } from 'temporal-http-tasks/internal/tasks/settle';
import type { OperationDecision } from '../options';

/** The field of an operation in which a document may decide what OpenAPI has no words for. */
export const EXTENSION = 'x-http-task';

const EFFECTS = ['read', 'repeatSafe', 'irreversible'] as const;
const SETTLE_BY = ['look', 'list', 'resend', 'repeat'] as const;
const BASES = ['documented', 'assumed'] as const;
const MEANINGS = ['removed', 'accepted'] as const;

/** What is believed of a document's decisions, and what is not. */
export interface DocumentDecision {
  decision: OperationDecision;
  /** Fields of the extension that could make the call less careful. */
  ignored: readonly string[];
  /** Fields that the document declares as bearer tokens, besides those that are recognized by their names. */
  alsoSensitive: readonly string[];
}

/** How careful each effect is: a later one is never repeated where an earlier one is. */
const CAREFUL: readonly Effect[] = EFFECTS;

/**
 * Reads what an operation's `x-http-task` decides, as far as it makes the call more careful than its method does: a
 * document that is not the operator's own must not declare that a deletion only reads.
 */
export function readCarefulDecision(node: DocumentNode, usual: Effect): DocumentDecision {
  const { effect, subjectFields, sensitive = [], ...rest } = readExtension(node);
  const isCareful = effect !== undefined && CAREFUL.indexOf(effect) >= CAREFUL.indexOf(usual);
  return {
    decision: { ...(isCareful && { effect }), ...(subjectFields && { subjectFields }) },
    ignored: [...(effect === undefined || isCareful ? [] : ['effect']), ...Object.keys(rest)],
    alsoSensitive: sensitive.map((field) => (typeof field === 'string' ? field : field.field)),
  };
}

/** Reads everything that an operation's `x-http-task` decides; for a document that the operator trusts. */
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
  if (by !== 'look') return { by, basis, ...(other !== undefined && { with: other }) };
  const lag = node.at('lagMs')?.value;
  const output = node.at('output');
  return {
    by,
    basis,
    with: other ?? node.refuse('with must be the full name of the task that reads'),
    input: node.at('input')?.value ?? node.refuse('input must be the input of the task that reads'),
    // What is wrong with them is refused where the task is defined.
    absent: (node.at('absent')?.elements() ?? []).map(({ value }) => value as AbsentSign),
    ...(output && { output: output.value }),
    ...(typeof lag === 'number' && { lagMs: lag }),
  };
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

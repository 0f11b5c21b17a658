import { defineSearchAttributeKey } from '@temporalio/common';
import type { SearchAttributePair } from '@temporalio/common';
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { DUE_ATTRIBUTE, SEARCH_ATTRIBUTES } from '../policy/search-attributes';
import type { KeywordAttribute } from '../policy/search-attributes';
import { hasPatch } from './patches';

const DUE_BY = defineSearchAttributeKey(DUE_ATTRIBUTE, 'DATETIME');

/**
 * Sets the search attributes of the run. Only those attributes are written that the worker reported as usable in the
 * run's first activity: its result is in the history, so that every replay writes the same ones, and a server without
 * them never refuses the run.
 */
export function makeSearchable(
  usable: readonly string[] | undefined,
  { dueAt, ...values }: Partial<Record<KeywordAttribute, string>> & { dueAt?: string | undefined },
): void {
  const pairs: SearchAttributePair[] = SEARCH_ATTRIBUTES.flatMap((name) => {
    if (name === DUE_ATTRIBUTE) return duePair(usable, dueAt);
    const value = values[name];
    if (value === undefined || !usable?.includes(name)) return [];
    const key = defineSearchAttributeKey(name, 'KEYWORD');
    // A run that continues another one inherits its attributes; each write is an event in the history.
    return workflowInfo().typedSearchAttributes.get(key) === value ? [] : [{ key, value }];
  });
  if (pairs.length > 0) upsertSearchAttributes(pairs);
}

function duePair(usable: readonly string[] | undefined, dueAt: string | undefined): SearchAttributePair[] {
  if (dueAt === undefined || !usable?.includes(DUE_ATTRIBUTE)) return [];
  const value = new Date(dueAt);
  return workflowInfo().typedSearchAttributes.get(DUE_BY)?.getTime() === value.getTime()
    ? []
    : [{ key: DUE_BY, value }];
}

/** The patch since which a run without a due date removes one that was copied. */
const CLEARS_FOREIGN_DUE_DATE = 'clear-foreign-due-date';

/** Removes the due date from a run whose request has none; see {@link clearForeignSweep}. */
export function clearForeignDueDate(usable: readonly string[] | undefined): void {
  if (!usable?.includes(DUE_ATTRIBUTE) || workflowInfo().typedSearchAttributes.get(DUE_BY) === undefined) return;
  if (hasPatch(CLEARS_FOREIGN_DUE_DATE)) upsertSearchAttributes([{ key: DUE_BY, value: null }]);
}

/** The patch since which the attribute of another sweep is removed; runs recorded before it keep theirs. */
const CLEARS_FOREIGN_SWEEP = 'clear-foreign-sweep';

/**
 * Removes the sweep from a run that belongs to none. The Temporal UI copies the attributes of a sweep's run when a user
 * starts another one like it, which would then be listed as the sweep's.
 */
export function clearForeignSweep(usable: readonly string[] | undefined): void {
  const key = defineSearchAttributeKey('OffboardingSweep', 'KEYWORD');
  if (!usable?.includes('OffboardingSweep') || workflowInfo().typedSearchAttributes.get(key) === undefined) return;
  if (hasPatch(CLEARS_FOREIGN_SWEEP)) upsertSearchAttributes([{ key, value: null }]);
}

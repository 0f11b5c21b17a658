import { patched } from '@temporalio/workflow';

/**
 * The patch that stands for all of {@link PatchAfterLocalActivity}. It is recorded before the first local activity of a run:
 * when a query arrives while a local activity runs, the SDK may record the activity's result one workflow task before the
 * patches that follow it, and a replay would not find them (docs/decisions/0105).
 */
const FROM_THE_START = 'patches-from-the-start';

/**
 * The patches that are checked after a local activity. The list is closed, since recorded runs rely on it: a new patch is
 * recorded at the start under a name of its own.
 */
type PatchAfterLocalActivity =
  | 'clear-foreign-due-date'
  | 'clear-foreign-sweep'
  | 'end-recorded-within-its-task'
  | 'held-at-the-deadline'
  | 'no-report-while-held'
  | 'not-asked-while-held';

/** Records that the run has these patches; to be called before its first local activity. */
export function recordPatches(): void {
  patched(FROM_THE_START);
}

/** Returns whether a run has one of these patches. */
export function hasPatch(id: PatchAfterLocalActivity): boolean {
  return patched(FROM_THE_START) || patched(id);
}

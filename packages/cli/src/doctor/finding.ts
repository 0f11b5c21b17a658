/** One thing that was checked. */
export interface Finding {
  /** What was checked: `node`, `packages`, `settings`, `ledger`, `holds`, `rates`, `temporal`, `searchAttributes`, … */
  check: string;
  /** `fail` for what stops a worker or loses its protection; `warn` for what an operator should know. */
  state: 'ok' | 'warn' | 'fail';
  message: string;
  /** What to do; absent where there is nothing to do. */
  toDo?: string;
}

/** The text of an error, for a finding. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The workflow ID of the run that off-boards one user of a sweep; the fence tells runs of the sweep apart. */
export function childWorkflowId(sweepId: string, { seq, round }: { seq: number; round: number }, fence: number): string {
  return `${sweepId}/${seq}-${round}.${fence}`;
}

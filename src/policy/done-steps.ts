/** A step that an earlier end must have done before a user can be left out as done. */
export interface DoneStep {
  /** The provider; a user without an ID there does not need the step. */
  service: string;
  step: string;
  /** The task by which it must have been done; any when absent. */
  task?: string;
}

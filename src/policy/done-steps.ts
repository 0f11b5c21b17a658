/** A step that an earlier end must have done before a user can be left out as done. */
export interface DoneStep {
  /** The provider; a user without an ID there does not need the step. */
  service: string;
  step: string;
  /** The task that must have done it; any when absent. */
  task?: string;
}

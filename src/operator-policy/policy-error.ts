/** The setting that names the policy file. */
export const POLICY_SETTING = 'HTTP_TASKS_POLICY';

/** One mistake in a policy file. */
export interface PolicyProblem {
  /** The file as it was named. */
  file: string;
  /** Where in the file, for example `approval.approvers[0].key`; empty for the file as a whole. */
  place: string;
  message: string;
}

/** A policy file that cannot be read or is not valid, with every mistake in it. */
export class PolicyError extends TypeError {
  override readonly name = 'PolicyError';
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    super(['The policy file is not valid:', ...problems.map(policyLine)].join('\n  '));
    this.problems = problems;
  }
}

/** Returns one problem as a line for people. */
function policyLine({ file, place, message }: PolicyProblem): string {
  return `${file}: ${place === '' ? '' : `${place}: `}${message}`;
}

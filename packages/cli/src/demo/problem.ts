import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { CastMember } from './cast';

/**
 * Why a verdict is not ok.
 *
 * - `left`: something that had to go is still there.
 * - `tooMuch`: something of a user of the file is gone that had to stay (a hold, an Item that was not asked for).
 * - `bystander`: a user outside the file was touched.
 * - `repeated`: an irreversible call was carried out again.
 * - `report`: a run says something else than the providers.
 */
export type ProblemKind = 'left' | 'tooMuch' | 'bystander' | 'repeated' | 'report';

/** One reason why a verdict is not ok, as a sentence about a user. */
export interface Problem {
  kind: ProblemKind;
  /** The user's label, or the id of a bystander. */
  who: string;
  problem: string;
}

/** A user of the demo and the result that the user's run gave; absent when it gave none. */
export interface RunOfUser {
  member: CastMember;
  result?: OffboardResult;
}

import type { TargetUser } from '../policy/target-user';
import { userProblem } from './id-rules';
import type { AllowedPlaceholders } from './id-rules';
import { Progress } from './progress';
import type { RowsOptions, Source, SourceRow } from './source';

/** Users from a list in the input that was already validated. */
export class InlineSource implements Source {
  readonly kind = 'inline';
  readonly refusesEmpty = true;
  readonly #users: readonly TargetUser[];
  readonly #allowed: AllowedPlaceholders;

  constructor(users: readonly TargetUser[], allowed: AllowedPlaceholders) {
    this.#users = users;
    this.#allowed = allowed;
  }

  describe(): string {
    return `a list of ${this.#users.length} users`;
  }

  async *rows({ after, signal }: RowsOptions = {}): AsyncGenerator<SourceRow, void, undefined> {
    const progress = new Progress('inline', after);
    for (const [index, user] of this.#users.entries()) {
      signal?.throwIfAborted();
      const position = progress.pass(JSON.stringify(user));
      if (position === undefined) continue;
      const wrong = userProblem(user, this.#allowed);
      yield wrong === undefined
        ? { position, line: index + 1, user }
        : { position, line: index + 1, problem: `source.inline.${index}.${wrong.field} ${wrong.problem}` };
    }
    progress.end();
  }
}

import type { TargetUser } from '../policy/target-user';
import { Progress } from './progress';
import type { RowsOptions, Source, SourceRow } from './source';

/** Users given as a list, already checked. */
export class InlineSource implements Source {
  readonly kind = 'inline';
  readonly #users: readonly TargetUser[];

  constructor(users: readonly TargetUser[]) {
    this.#users = users;
  }

  describe(): string {
    return `a list of ${this.#users.length} users`;
  }

  async *rows({ after, signal }: RowsOptions = {}): AsyncGenerator<SourceRow, void, undefined> {
    const progress = new Progress('inline', after);
    for (const [index, user] of this.#users.entries()) {
      signal?.throwIfAborted();
      const position = progress.pass(JSON.stringify(user));
      if (position !== undefined) yield { position, line: index + 1, user };
    }
    progress.end();
  }
}

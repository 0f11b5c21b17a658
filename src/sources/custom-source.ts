import type { SourceColumns } from '../policy/snapshot-report';
import { targetUser } from '../policy/source-spec';
import { InvalidInputError, parseInput } from '../tasks/parse-input';
import { userProblem } from './id-rules';
import type { AllowedPlaceholders } from './id-rules';
import { SourceError } from './source';
import type { RowsOptions, Source, SourceRow } from './source';

/** A source of a host, whose rows may be anything: they are checked like those of the other sources. */
export class CustomSource implements Source {
  readonly #source: Source;
  readonly #allowed: AllowedPlaceholders;

  constructor(source: Source, allowed: AllowedPlaceholders) {
    this.#source = source;
    this.#allowed = allowed;
  }

  get kind(): string {
    return this.#source.kind;
  }

  get refusesEmpty(): boolean {
    return this.#source.refusesEmpty ?? false;
  }

  get columns(): SourceColumns | undefined {
    return this.#source.columns;
  }

  describe(): string {
    return this.#source.describe();
  }

  /** @throws SourceError for a user that does not have the form of one. */
  async *rows(options?: RowsOptions): AsyncGenerator<SourceRow, void, undefined> {
    for await (const row of this.#source.rows(options)) {
      if (row.user === undefined) {
        yield row;
        continue;
      }
      const { position, line, user } = row;
      refuseNoUser(user, line);
      const wrong = userProblem(user, this.#allowed);
      yield wrong === undefined ? row : { position, line, problem: `${wrong.field} ${wrong.problem}` };
    }
  }
}

function refuseNoUser(user: unknown, line: number): void {
  try {
    parseInput(`row ${line}`, targetUser, user);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new SourceError('custom', `row ${line} is no user: ${error.message}`);
  }
}

import type { SourceColumns } from '../policy/snapshot-report';
import { targetUser } from '../policy/source-spec';
import type { TargetUser } from '../policy/target-user';
import { InvalidInputError, parseInput } from '../tasks/parse-input';
import { resemblesId } from './header';
import { userProblem } from './id-rules';
import type { AllowedPlaceholders } from './id-rules';
import { SourceError } from './source';
import type { RowsOptions, Source, SourceRow } from './source';

/** A source supplied by the host. Its rows may be anything and are checked like those of other sources. */
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

  /** @throws SourceError for a row that is not a valid user. */
  async *rows(options?: RowsOptions): AsyncGenerator<SourceRow, void, undefined> {
    for await (const row of this.#source.rows(options)) {
      if (row.user === undefined) {
        yield row;
        continue;
      }
      const { position, line } = row;
      const user = userOf(row.user, line);
      const wrong = userProblem(user, this.#allowed);
      yield wrong === undefined
        ? { position, line, user }
        : { position, line, problem: `${wrong.field} ${wrong.problem}` };
    }
  }
}

/** Validates a host's row. Unknown fields are ignored, except those whose name resembles an ID's, which are refused. */
function userOf(given: unknown, line: number): TargetUser {
  try {
    return parseInput(`row ${line}`, targetUser, typeof given === 'object' && given !== null ? ofAUser(given) : given);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new SourceError('custom', `row ${line} is not a user: ${error.message}`);
  }
}

function ofAUser(given: object): Record<string, unknown> {
  const isGiven = ([name, value]: [string, unknown]): boolean =>
    name in targetUser.shape ? value !== undefined && value !== null && value !== '' : resemblesId(name);
  return Object.fromEntries(Object.entries(given).filter(isGiven));
}
